"""One simulated agent with one device: works where there is no network, syncs when there is some."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from techdengue.client.channel import Carrier
from techdengue.client.clock import SystemClock
from techdengue.client.device import Device, Surroundings
from techdengue.client.download import Keeps
from techdengue.client.link import TokenSource
from techdengue.client.model import LocalDocument
from techdengue.client.retry import Sleep
from techdengue.client.transport import StreamingTransport
from techdengue.domain.operation import Strategy

from . import field_work
from .bad_link import BadLink
from .places import Place
from .seeding import drawn_uuid
from .stats import Tally
from .wrong_clock import WrongClock

MOST_PENDING: Final = 600
"""What a week offline leaves on a device: 100 activities and 500 pieces of evidence."""
_STRATEGIES: Final = {
    Strategy.LAST_WRITE_WINS: 40,
    Strategy.MERGE: 25,
    Strategy.CLIENT_WINS: 12,
    Strategy.SERVER_WINS: 12,
    Strategy.MANUAL: 11,
}
_LEFT_ALONE: Final = (1, "1")
"""The demo's first atividade: a person's first sync shall find it as the demo left it."""
_BATCH_SIZES: Final = (1, 2, 3, 7, 20, 100)


class Agent:
    """A person with a device. `draws` gives the randomness of each purpose; `run` keeps runs' names apart.

    In each round the person does from `work[0]` to `work[1]` things. With `photos`, a folder, their photographs are
    real files there, and are uploaded.
    """

    def __init__(
        self,
        *,
        name: str,
        run: str,
        place: Place,
        path: str,
        base_url: str,
        token: TokenSource,
        transport: StreamingTransport,
        carrier: Carrier,
        sleep: Sleep,
        draws: Callable[[str], random.Random],
        tally: Tally,
        keeps: Keeps,
        photos: Path | None = None,
        work: tuple[int, int] = (0, 6),
    ) -> None:
        self.name = name
        self.place = place
        self.draws = draws
        self.clock = WrongClock(SystemClock(), draws("clock"))
        self.link = BadLink(transport, draws("link"))
        self._run = run
        self._rng = draws("work")
        self._tally = tally
        self._work = work
        self._photos = photos
        around = Surroundings(
            clock=self.clock, rng=draws("jitter"), sleep=sleep, transport=self.link, observer=tally, keeps=keeps
        )
        self.device = Device(path, base_url, name, token, carrier=carrier, durable=False, surroundings=around)

    def work_offline(self) -> None:
        """Some minutes or hours in the field."""
        self._tally.clock_jumps += self.clock.maybe_jump()
        for refused in self.device.refusals():
            self.device.discard(refused.operation.key)
        room = MOST_PENDING - self.device.pending_count()
        found = self.device.list("atividade", municipio=self.place.municipio)
        visits = [visit for visit in found if visit.entity_id not in _LEFT_ALONE]
        photos = self.device.list("evidencia", municipio=self.place.municipio)
        for _ in range(min(room, self._rng.randint(*self._work))):
            self._choose(visits, photos)()
            self._tally.made += 1

    async def push(self, *, patience: float) -> bool:
        """Only send; answers whether all of it left."""
        self.device.batch_size = _BATCH_SIZES[-1]
        finished = (await self.device.push(patience=patience)).finished
        return await self._upload(patience) and finished

    async def sync(self, *, patience: float) -> bool:
        """Push and pull over the bad link, in batches cut anywhere; answers whether both came to their end."""
        self.device.batch_size = self._rng.choice(_BATCH_SIZES)
        finished = (await self.device.sync(patience=patience)).finished
        return await self._upload(patience) and finished

    async def _upload(self, patience: float) -> bool:
        return self._photos is None or (await self.device.upload(patience=patience)).finished

    async def stay_connected(self) -> None:
        """Until cancelled."""
        self.device.batch_size = self._rng.choice(_BATCH_SIZES)
        await self.device.follow()

    def _choose(self, visits: Sequence[LocalDocument], photos: Sequence[LocalDocument]) -> Callable[[], object]:
        draw = self._rng.random()
        if draw < 0.3 or not visits:
            return self._plan_visit
        visit = self._rng.choice(visits)
        if draw < 0.78:
            return lambda: self._edit(visit)
        if draw < 0.92:
            return lambda: self._photograph(visit)
        if draw < 0.96 and photos:
            photo = self._rng.choice(photos)
            return lambda: self._update("evidencia", photo, {"status": self._rng.choice(("UPLOADING", "ERRO"))})
        return lambda: self.device.delete(
            "atividade", visit.entity_id, strategy=self._strategy(), municipio=self.place.municipio
        )

    def _plan_visit(self) -> None:
        """A new visit; at times one that others plan too, under the same number of the day's list."""
        shared = self._rng.random() < 0.1
        entity_id = f"lista-{self._run}-{self._rng.randint(1, 30)}" if shared else drawn_uuid(self._rng)
        data = field_work.new_visit(self._rng, self.place, self.name)
        self.device.create("atividade", entity_id, data, strategy=self._strategy())

    def _edit(self, visit: LocalDocument) -> None:
        self._update("atividade", visit, self._patch())

    def _patch(self) -> field_work.Data:
        match self._rng.randrange(6):
            case 0:
                return field_work.begun(self.clock.now())
            case 1:
                return field_work.inspected(self._rng)
            case 2:
                return field_work.concluded(self.clock.now())
            case 3:
                return field_work.noted(self._rng)
            case 4:
                return field_work.moved(self._rng, self.place)
            case _:
                return field_work.cancelled()

    def _photograph(self, visit: LocalDocument) -> None:
        data = field_work.photograph(self._rng, visit.entity_id, self.clock.now())
        name = drawn_uuid(self._rng)
        if self._photos is None:
            self.device.create("evidencia", name, data, strategy=self._strategy())
            return
        path = self._photos / f"{name}.jpg"
        path.write_bytes(field_work.small_jpeg(self._rng))
        self.device.attach(name, path, data, strategy=self._strategy())

    def _update(self, entity_type: str, document: LocalDocument, patch: field_work.Data) -> None:
        self.device.update(
            entity_type,
            document.entity_id,
            patch,
            strategy=self._strategy(),
            municipio=self.place.municipio,
        )

    def _strategy(self) -> Strategy:
        return self._rng.choices(list(_STRATEGIES), weights=list(_STRATEGIES.values()))[0]
