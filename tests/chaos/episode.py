"""One episode: devices at work in a município of their own while things break, until all that lives is acknowledged."""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

import msgspec

from techdengue.domain.access import Role
from techdengue.domain.municipios import MUNICIPIOS
from tests.e2e.playing import Place

from .faults import Faults
from .http_road import HttpRoad
from .ledger import Ledger
from .manager import Manager
from .site import Broken
from .streaming import Socket, Stream
from .walker import Walker
from .ways import Requests, overhear

SHARED: Final = 12
WAYS: Final = (Requests, Stream, Socket)
"""How devices reach the servers, in turn."""
_PLACES: Final = sorted(MUNICIPIOS)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an episode is to be. The same plan gives the same devices and the same bad luck."""

    seed: int
    number: int
    """Among the episodes of a run, from 0; each has a município of its own."""
    faults: Sequence[str]
    gap: int = 20
    """Acknowledged operations between two faults."""
    devices: int = 8
    quota: int = 40
    """Operations that each device makes at least."""
    bad_luck: float = 0.15
    """How likely something befalls a request on its way."""

    @property
    def name(self) -> str:
        """Is in the names of all that the episode makes."""
        return f"chaos-{self.seed}-{self.number}"

    @property
    def municipio(self) -> str:
        """Where its devices work."""
        return _PLACES[self.number % len(_PLACES)]


class Episode:
    """What happened. After `run`, everybody has sent and pulled all there is, but the device that ended."""

    def __init__(self, broken: Broken, plan: Plan, faults: Faults) -> None:
        self.plan = plan
        self.ledger = Ledger()
        self.road = HttpRoad(
            lambda: [server.url for server in broken.servers],
            plan.seed * 1000 + plan.number,
            lambda request, answer: overhear(self.ledger, request, answer),
        )
        self.road.rate = plan.bad_luck
        self.walkers: list[Walker] = []
        self.shared: list[Place] = [
            (plan.municipio, "atividade", f"shared-{number}-{plan.name}") for number in range(SHARED)
        ]
        self.manager: Manager
        self._broken = broken
        self._faults = faults

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Play it, to its end or until `stop` is set. Raises TimeoutError when nothing recovers."""
        async with self.road.open():
            self.walkers = [self._walker(number) for number in range(self.plan.devices)]
            self.walkers[-1].is_mortal = True
            self.manager = self._manager()
            self.road.calm = True
            await self.walkers[0].create(self.shared)
            self.road.calm = False
            await self._break_and_work(stop or asyncio.Event())
            self.road.calm = True
            await self.road.clear()
            for walker in self.walkers:
                await walker.pull_to_the_end()

    async def _break_and_work(self, stop: asyncio.Event) -> None:
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            managing = group.create_task(self.manager.work(self.ledger))
            working = [group.create_task(walker.work(self.plan.quota, over)) for walker in self.walkers]
            await self._faults.inject(self.plan.faults, self.plan.gap, self.ledger, stop)
            over.set()
            await asyncio.gather(*working)
            managing.cancel()

    def _walker(self, number: int) -> Walker:
        name = f"{number}-{self.plan.name}"
        token = self._broken.site.token(f"user-{name}", Role.CAMPO, (self.plan.municipio,))
        way = WAYS[number % len(WAYS)](self._broken.http, self.road.url, token, name, self.ledger)
        return Walker(name, self.plan.municipio, way, self.ledger, self._rng(name), self.shared)

    def _manager(self) -> Manager:
        name = self.plan.name
        token = self._broken.site.token(f"gestora-{name}", Role.GESTOR, (self.plan.municipio,))
        return Manager(self._broken.http, self.road.url, token, self.plan.municipio, name, self._rng(f"gestora-{name}"))

    def _rng(self, name: str) -> random.Random:
        return random.Random(f"{self.plan.seed}/{name}")  # noqa: S311 - a repeatable story, not a secret
