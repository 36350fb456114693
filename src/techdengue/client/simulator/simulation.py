"""Many agents at once, each going offline and coming back on its own."""

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import uuid_utils

from techdengue.client.transport import HttpTransport

from .agent import Agent
from .places import PLACES
from .seeding import seeded
from .stats import SimulationStats, Tally

TokenFactory = Callable[[str, tuple[str, ...]], str]
"""Gives a token of role CAMPO for a user and the municípios that it may touch; asked again when one expires."""

Progress = Callable[[SimulationStats], None]

_T = TypeVar("_T")

_CONNECTED = 0.6
"""How likely a device has a network at the end of a round."""
_UNHURRIED = 10.0
"""From this pause on a round is at most one operation, so that a person can follow what happens."""


class Simulation:
    """Agents with devices, in an `async with` block. The same seed gives the same people doing the same work.

    Names of devices and shared entities contain `run`, so that a seed can be used again on one server.
    """

    def __init__(
        self,
        base_url: str,
        token_factory: TokenFactory,
        *,
        devices: int = 3,
        municipios: Sequence[str] = ("5103403",),
        seed: int = 0,
        run: str | None = None,
        directory: Path | None = None,
        pause: float = 0.0,
        progress: Progress | None = None,
    ) -> None:
        """`pause`: mean seconds between an agent's rounds; 0 works as fast as it goes and waits for nothing.
        From 10 on an agent does at most one thing in a round, else up to six.

        `directory` keeps the devices' files; without it they vanish at the end. Raises KeyError for a município that
        is none of PLACES.
        """
        self._base_url = base_url
        self._token_factory = token_factory
        self._run = run or str(uuid_utils.uuid7())[-12:]
        self._seed = seed
        self._places = [PLACES[municipio] for municipio in municipios]
        self._count = devices
        self._directory = directory
        self._pause = pause
        self._progress = progress
        self._tally = Tally()
        self._open = contextlib.AsyncExitStack()
        self.agents: list[Agent] = []

    async def __aenter__(self) -> Self:
        folder = self._directory or Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="techdengue-")))
        transport = await self._open.enter_async_context(HttpTransport())
        for number in range(1, self._count + 1):
            agent = self._agent(number, folder, transport)
            self._open.push_async_callback(agent.device.close)
            self.agents.append(agent)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    @property
    def stats(self) -> SimulationStats:
        """The counts so far."""
        tally = self._tally
        return SimulationStats(
            devices=len(self.agents),
            rounds=tally.rounds,
            made=tally.made,
            acknowledged=tally.outcomes.total(),
            outcomes=dict(tally.outcomes),
            refused=tally.refused,
            repeated=tally.repeated,
            pending=sum(agent.device.pending_count() for agent in self.agents),
            received=tally.received,
            lost_requests=sum(agent.link.lost_requests for agent in self.agents),
            lost_answers=sum(agent.link.lost_answers for agent in self.agents),
            clock_jumps=tally.clock_jumps,
        )

    async def work(self, *, rounds: int | None = None, duration: float | None = None) -> None:
        """Let every agent work for so many rounds, or so many seconds, whichever ends first; without both for ever.

        Raises LinkError where waiting is no help (a wrong address, a token that is refused).
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration):
                await _together(self._days(agent, rounds) for agent in self.agents)

    async def settle(self, *, patience: float = 120.0) -> bool:
        """Over a good link everybody pushes, and then pulls, to the end; answers whether they could."""
        for agent in self.agents:
            agent.link.calm = True
        done = await _together(self._finish(agent, patience) for agent in self.agents)
        done += await _together(self._finish(agent, patience) for agent in self.agents)
        for agent in self.agents:
            agent.link.calm = False
        return all(done)

    async def _days(self, agent: Agent, rounds: int | None) -> None:
        rng = agent.draws("days")
        done = 0
        while rounds is None or done < rounds:
            agent.work_offline()
            if rng.random() < _CONNECTED:
                await agent.sync(patience=20.0 if self._pause == 0 else self._pause)
            done += 1
            self._tally.rounds += 1
            if self._progress is not None:
                self._progress(self.stats)
            await asyncio.sleep(rng.uniform(0.5, 1.5) * self._pause)

    async def _finish(self, agent: Agent, patience: float) -> bool:
        return await agent.sync(patience=patience)

    def _agent(self, number: int, folder: Path, transport: HttpTransport) -> Agent:
        place = self._places[(number - 1) % len(self._places)]
        name = f"simulado-{self._run}-{number}"
        user = f"agente-{self._run}-{number}"
        return Agent(
            name=name,
            run=self._run,
            place=place,
            path=str(folder / f"{name}.sqlite"),
            base_url=self._base_url,
            token=lambda: self._token_factory(user, (place.municipio,)),
            transport=transport,
            sleep=_no_sleep if self._pause == 0 else asyncio.sleep,
            draws=lambda purpose: seeded(self._seed, number, purpose),
            tally=self._tally,
            most_a_round=6 if self._pause < _UNHURRIED else 1,
        )


async def simulate(
    base_url: str,
    token_factory: TokenFactory,
    *,
    devices: int = 3,
    municipios: Sequence[str] = ("5103403",),
    seed: int = 0,
    rounds: int | None = None,
    duration: float | None = None,
    pause: float = 2.0,
    progress: Progress | None = None,
) -> SimulationStats:
    """Simulate field work and answer the counts. Everything that was made is pushed at the end, if the server is there.

    Arguments as of Simulation and its `work`; with neither rounds nor duration it works until it is cancelled.
    """
    async with Simulation(
        base_url,
        token_factory,
        devices=devices,
        municipios=municipios,
        seed=seed,
        pause=pause,
        progress=progress,
    ) as simulation:
        await simulation.work(rounds=rounds, duration=duration)
        await simulation.settle(patience=30.0)
        return simulation.stats


async def _no_sleep(seconds: float) -> None:
    await asyncio.sleep(0)


async def _together(work: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Run it all at once; the first error cancels the rest and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]
