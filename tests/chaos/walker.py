"""A device and its user under chaos: it works from what it has seen, and sends until it is answered."""

import asyncio
import random
import time
from typing import Final

import msgspec

from tests.e2e.playing import REQUIRED, Place, fields_of, rfc3339
from tests.e2e.seeding import write_patch
from tests.e2e.wire import Json
from tests.resolver import slow_model as model

from .ledger import Entry, Ledger
from .ways import BROKEN, Way

STRATEGIES: Final = ("client_wins", "server_wins", "last_write_wins", "merge", "manual")
SECOND: Final = 1_000_000
JUMPS: Final = (0, 1, -1, 3 * SECOND, -3 * SECOND, 3_600 * SECOND, -86_400 * SECOND, 10**14)
"""Where a device's clock jumps to, µs off: to the second, an hour ahead, a day behind, three years ahead."""
EVENTS_OF_ONE: Final = 12
"""About how often a device changes an entity of its own before it turns to another."""
BACKOFF_SECONDS: Final = 0.02
PAUSE_SECONDS: Final = 0.25
"""Between two rounds of a device that is ahead of the faults."""
PAGE: Final = 50


class Copy(msgspec.Struct, frozen=True):
    """What a device holds of an entity that it has pulled."""

    version: int
    deleted: bool
    data: object
    """Canonical."""


class Walker:
    """One device. `over` says that it may stop once it has made `quota` operations and all are acknowledged."""

    def __init__(
        self, name: str, municipio: str, way: Way, ledger: Ledger, rng: random.Random, shared: list[Place]
    ) -> None:
        self.name = name
        self.copies: dict[Place, Copy] = {}
        self.clock_jumps = 0
        self.is_mortal = False
        """With True it ends with the first failure after its quota, and is never heard of again."""
        self.went_back: list[str] = []
        """Pulled entities whose version was lower than one pulled before."""
        self._municipio = municipio
        self._way = way
        self._ledger = ledger
        self._rng = rng
        self._shared = shared
        self._mine: list[Place] = []
        self._seen: dict[Place, int] = {}
        self._queue: list[Entry] = []
        self._made = 0
        self._skew = rng.choice(JUMPS)
        self._cursor: str | None = None

    async def create(self, places: list[Place]) -> None:
        """Create entities, and see to it that they are there."""
        for place in places:
            self._note(place, "create", {**REQUIRED[place[1]], "municipio_cod_ibge": place[0]})
        while self._queue:
            await self._push()

    async def work(self, quota: int, over: asyncio.Event) -> None:
        """Make operations and send them, until there are enough, and pull now and then."""
        while self._made < quota or self._queue or not over.is_set():
            if self._made < quota or not over.is_set():
                for _ in range(self._rng.randint(0, 5) if len(self._queue) < 20 else 0):
                    self._edit()
                if self._rng.random() < 0.05:
                    self._skew, self.clock_jumps = self._rng.choice(JUMPS), self.clock_jumps + 1
            if not await self._push() and self.is_mortal and self._made >= quota // 2:
                return
            if self._rng.random() < 0.15:
                await self.pull()
            if self._ledger.acknowledged > self._ledger.enough:
                await asyncio.sleep(PAUSE_SECONDS)  # so that a slow restart does not make a long history

    async def pull(self) -> bool:
        """Read what changed, to its end if the network lasts; answers whether it did."""
        more = True
        while more:
            try:
                page = await self._way.changes(self._cursor, PAGE)
            except BROKEN:
                return False
            if page is None:
                return False
            for item in page["items"]:
                self._hold(item)
            self._cursor, more = page["next_cursor"], page["has_more"]
        return True

    async def pull_to_the_end(self) -> None:
        """Pull until the network has lasted for all of it."""
        await self._way.close()
        while not await self.pull():  # noqa: ASYNC110 - nobody tells when a server is back
            await asyncio.sleep(BACKOFF_SECONDS)

    def may_lack(self, place: Place, version: int) -> bool:
        """Whether it need not be told of this: it made it so itself."""
        return version == 1 and place in self._mine and not self._way.echoes

    def _hold(self, item: Json) -> None:
        place = (item["municipio_cod_ibge"], item["entity_type"], str(item["entity_id"]))
        held = self.copies.get(place)
        if held is not None and held.version > item["version"]:
            self.went_back.append(f"{place}: {held.version}, then {item['version']}")
        self.copies[place] = Copy(item["version"], item["deleted"], model.canonical(item["data"]))
        self._see(place, item["version"])

    def _see(self, place: Place, version: int) -> None:
        self._seen[place] = max(version, self._seen.get(place, 0))

    async def _push(self) -> bool:
        """Send a part of what waits; answers False where some of it was not answered."""
        if not self._queue:
            await asyncio.sleep(0)
            return True
        batch = self._queue[: self._rng.randint(1, self._way.most)]
        sent_at = self._now() if self._rng.random() < 0.5 else None
        await self._way.push(batch, sent_at)
        self._queue = [entry for entry in self._queue if not entry.heard]
        for entry in batch:
            if entry.heard and "version" in entry.heard[0].body:
                self._see(entry.place, entry.heard[0].body["version"])
        if all(entry.heard for entry in batch):
            return True
        await asyncio.sleep(BACKOFF_SECONDS)  # a device's back-off, shortened
        return False

    def _edit(self) -> None:
        draw = self._rng.random()
        if draw < 1 / EVENTS_OF_ONE or not self._mine:
            self._create_one()
            return
        place = self._rng.choice(self._shared if self._rng.random() < 0.5 else self._mine[-2:])
        kind = "delete" if draw > 0.96 else "create" if draw > 0.92 else "update"
        data = None if kind == "delete" else fields_of(place[1], write_patch(self._rng))
        if kind == "create":
            data = self._whole(place, data or {})
        self._note(place, kind, data)

    def _create_one(self) -> None:
        number = len(self._mine)
        kind = "evidencia" if number % 4 == 3 else "atividade"
        place = (self._municipio, kind, f"{kind[0]}{number}-{self.name}")
        self._mine.append(place)
        self._note(place, "create", self._whole(place, fields_of(kind, write_patch(self._rng))))

    def _whole(self, place: Place, data: Json) -> Json:
        whole = {**REQUIRED[place[1]], **data}
        if place[1] == "atividade":
            whole["municipio_cod_ibge"] = place[0]
        else:
            whole["atividade_id"] = self._shared[0][2]
        return whole

    def _note(self, place: Place, kind: str, data: Json | None) -> None:
        sent: Json = {
            "entity_type": place[1],
            "entity_id": place[2],
            "operation": kind,
            "client_timestamp": rfc3339(self._now()),
            "idempotency_key": f"{self._made}-{self.name}",
            "conflict_resolution_strategy": self._rng.choice(STRATEGIES),
        }
        if data is not None:
            sent["data"] = data
        if self._rng.random() < 0.6:
            sent["base_version"] = self._seen.get(place, 0)
        if kind != "create":
            sent["municipio_cod_ibge"] = place[0]
        self._queue.append(self._ledger.add(self.name, place, sent, self._made))
        self._made += 1

    def _now(self) -> int:
        return time.time_ns() // 1000 + self._skew
