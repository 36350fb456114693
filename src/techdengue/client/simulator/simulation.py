"""Many agents at once, each going offline and coming back on its own."""

import asyncio
import contextlib
import itertools
import random
import zlib
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import uuid_utils

from techdengue.client.channel import Carrier
from techdengue.client.download import Keeps, keep_all
from techdengue.client.race import race
from techdengue.client.transport import HttpTransport
from techdengue.domain.operation import Outcome

from .agent import Agent
from .places import PLACES
from .seeding import seeded
from .stats import SimulationStats, Tally

TokenFactory = Callable[[str, tuple[str, ...]], str]
"""Gives a token of role CAMPO for a user and the municípios that it may touch; asked again when one expires."""

Progress = Callable[[int, int], None]
"""Told how many operations are acknowledged, and how many were made; a few times a second at most."""

_T = TypeVar("_T")

_CONNECTED = 0.6
"""How likely a device has a network at the end of a round."""
_UNHURRIED = 10.0
"""From this pause on a round is at most one operation, so that a person can follow what happens."""
_LONGEST_SPELL = 20
"""Rounds that a device which stays connected works before it is out of reach for one."""
_ARRIVALS = 100.0
"""Devices that come a second, at most: nobody switches on thousands at once."""
_AT_ONCE = 100
"""Devices that push and pull at the same time at the end."""
_KEEPERS = 50
"""Devices that keep an entity which another made: thousands that keep everything do not fit into memory."""
_PROGRESS_SECONDS = 0.5
_SHOWN_PROBLEMS = 5
_BREATH = 0.005
"""Seconds: what a device waits that is said to wait for nothing, so that the others have their turn."""


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
        photos: Path | None = None,
        pause: float = 0.0,
        rate: float | None = None,
        carrier: Carrier = Carrier.HTTP,
        stays_connected: bool = False,
        bad_links: bool = True,
        progress: Progress | None = None,
    ) -> None:
        """`pause`: mean seconds between an agent's rounds; 0 works as fast as it goes and waits for nothing.
        From 10 on an agent does at most one thing in a round, else up to six. `rate`, operations a second of all
        agents together, decides the pause instead, and a round is one operation.

        With `stays_connected` agents follow: they are out of reach for a round now and then; else they sync after a
        round, or not. `directory` keeps the devices' files; without it they are in memory. `photos`
        is a folder for photographs, which are uploaded then; without it there are none. Raises KeyError for a
        município that is none of PLACES.
        """
        self._base_url = base_url
        self._token_factory = token_factory
        self._run = run or str(uuid_utils.uuid7())[-12:]
        self._seed = seed
        self._places = [PLACES[municipio] for municipio in municipios]
        self._count = devices
        self._directory = directory
        self._photos = photos
        self._pause = pause if rate is None else devices / rate
        self._work_a_round = (1, 1) if rate is not None else (0, 6) if self._pause < _UNHURRIED else (0, 1)
        self._carrier = carrier
        self._stays_connected = stays_connected
        self._bad_links = bad_links
        self._progress = progress
        self._shown = 0.0
        self._seconds = 0.0
        self._tally = Tally()
        self._open = contextlib.AsyncExitStack()
        self.agents: list[Agent] = []

    async def __aenter__(self) -> Self:
        transport = await self._open.enter_async_context(HttpTransport())
        for number in range(1, self._count + 1):
            agent = self._agent(number, transport)
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
            transport=self._carrier.value,
            devices=len(self.agents),
            rounds=tally.rounds,
            made=tally.made,
            acknowledged=tally.outcomes.total(),
            outcomes=dict(+tally.outcomes),
            conflicts=tally.outcomes[Outcome.CONFLICT.value],
            refused=tally.refusals.total(),
            refusals=dict(tally.refusals.most_common(_SHOWN_PROBLEMS)),
            repeated=tally.repeated,
            photos=tally.photos,
            pending=sum(agent.device.pending_count() for agent in self.agents),
            received=tally.received,
            lost_requests=sum(agent.link.lost_requests for agent in self.agents),
            lost_answers=sum(agent.link.lost_answers for agent in self.agents),
            cuts=sum(agent.link.cuts for agent in self.agents),
            reconnects=tally.problems.total(),
            problems=dict(tally.problems.most_common(_SHOWN_PROBLEMS)),
            clock_jumps=tally.clock_jumps,
            seconds=self._seconds,
            p50_seconds=tally.waits.percentile(0.5),
            p99_seconds=tally.waits.percentile(0.99),
        )

    async def work(self, *, rounds: int | None = None, duration: float | None = None) -> None:
        """Let every agent work for so many rounds, or so many seconds, whichever ends first; without both for ever.

        Raises LinkError where waiting is no help (a wrong address, a token that is refused).
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(duration):
                    await _together(self._life(agent, rounds) for agent in self.agents)
        finally:
            self._seconds += loop.time() - begun

    async def settle(self, *, patience: float = 120.0) -> bool:
        """Over a good link everybody pushes, and then pulls, to the end; answers whether they could."""
        with self._calm():
            done = await self._in_turns(lambda agent: agent.sync(patience=patience))
            done += await self._in_turns(lambda agent: agent.sync(patience=patience))
        return all(done)

    async def push_rest(self, *, patience: float) -> bool:
        """Over a good link everybody pushes; answers whether they could."""
        with self._calm():
            return all(await self._in_turns(lambda agent: agent.push(patience=patience)))

    async def _life(self, agent: Agent, rounds: int | None) -> None:
        """Arrive, and work for so many rounds."""
        rng = agent.draws("days")
        if self._pause:
            await asyncio.sleep(rng.uniform(0.0, min(self._pause, len(self.agents) / _ARRIVALS)))
        days = iter(itertools.count() if rounds is None else range(rounds))
        if not self._stays_connected:
            await self._come_and_go(agent, rng, days)
        while spell := list(itertools.islice(days, rng.randint(1, _LONGEST_SPELL))):
            await race(agent.stay_connected(), self._work(agent, rng, spell))
            await self._work(agent, rng, itertools.islice(days, 1))  # out of reach

    async def _come_and_go(self, agent: Agent, rng: random.Random, days: Iterator[int]) -> None:
        """After a round there is a network, or not."""
        for day in days:
            await self._work(agent, rng, (day,))
            if rng.random() < _CONNECTED:
                await agent.sync(patience=20.0 if self._pause == 0 else self._pause)

    async def _work(self, agent: Agent, rng: random.Random, days: Iterable[int]) -> None:
        """Rounds, each after a rest: as many in any second, however many devices began together."""
        for _ in days:
            mean = self._pause or (_BREATH if self._stays_connected else 0.0)
            await asyncio.sleep(mean and rng.expovariate(1.0 / mean))
            agent.work_offline()
            self._tally.rounds += 1
            self._show_progress()

    def _show_progress(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._progress is not None and now - self._shown >= _PROGRESS_SECONDS:
            self._shown = now
            self._progress(self._tally.outcomes.total(), self._tally.made)

    @contextlib.contextmanager
    def _calm(self) -> Iterator[None]:
        """Links that lose nothing."""
        for agent in self.agents:
            agent.link.calm = True
        yield
        for agent in self.agents:
            agent.link.calm = not self._bad_links

    async def _in_turns(self, work: Callable[[Agent], Coroutine[Any, Any, _T]]) -> list[_T]:
        """Everybody's, so many at a time."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def in_turn(agent: Agent) -> _T:
            async with turns:
                return await work(agent)

        return await _together(in_turn(agent) for agent in self.agents)

    def _share_of(self, number: int) -> Keeps:
        """Every entity is kept by _KEEPERS devices, and by those that work on it."""
        return lambda _, entity_id: (zlib.crc32(str(entity_id).encode()) + number) % self._count < _KEEPERS

    def _agent(self, number: int, transport: HttpTransport) -> Agent:
        place = self._places[(number - 1) % len(self._places)]
        name = f"simulado-{self._run}-{number}"
        user = f"agente-{self._run}-{number}"
        agent = Agent(
            name=name,
            run=self._run,
            place=place,
            path=":memory:" if self._directory is None else str(self._directory / f"{name}.sqlite"),
            base_url=self._base_url,
            token=lambda: self._token_factory(user, (place.municipio,)),
            transport=transport,
            carrier=self._carrier,
            sleep=_hardly_sleep if self._pause == 0 else asyncio.sleep,
            photos=self._photos,
            draws=lambda purpose: seeded(self._seed, number, purpose),
            tally=self._tally,
            keeps=keep_all if self._count <= _KEEPERS else self._share_of(number),
            work=self._work_a_round,
        )
        agent.link.calm = not self._bad_links
        return agent


async def _hardly_sleep(seconds: float) -> None:
    await asyncio.sleep(min(seconds, _BREATH))


async def _together(work: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Run it all at once; the first error cancels the rest and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]
