"""The demo's operations: a week of January 2024 in four municípios, the same bytes each time.

They are written down rather than made by devices, so that loading them twice repeats the same keys with the same
content, whatever happened on the server in between.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from techdengue.client import wire
from techdengue.domain.operation import EntityId, OperationKind, SentOperation, Strategy

from . import field_work
from .places import PLACES, Place
from .seeding import drawn_uuid, seeded

MUNICIPIOS: Final = ("5103403", "5108402", "5107602", "5107909")
MONDAY: Final = dt.datetime(2024, 1, 8, 11, 30, tzinfo=dt.UTC)
"""07:30 in Cuiabá."""
_DAYS: Final = 5
_VISITS_A_DAY: Final = 4
_KEYS: Final = uuid.UUID("0e6a3c7e-43a5-5d0c-8a53-5a7d9a7d2f10")


class DemoBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What one device sends at once."""

    device_id: str
    user: str
    municipio: str
    operations: tuple[bytes, ...]


class _Visit(msgspec.Struct):
    """What the script knows of an atividade: `events` and `version` as the server will count them."""

    entity_id: EntityId
    events: int
    version: int


def write_demo() -> Iterator[DemoBatch]:
    """All batches, in the order in which they are to be sent."""
    for municipio in MUNICIPIOS:
        yield from _Team(PLACES[municipio]).week()


class _Team:
    """The two agents of a município and what they have planned together."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._rng = seeded("demo", place.municipio)
        self._first = _Pen(place, 1)
        self._second = _Pen(place, 2)
        self._visits: list[_Visit] = []

    def week(self) -> Iterator[DemoBatch]:
        """Five days of both, then the afternoon when they edited the same visits without knowing of each other."""
        for day in range(_DAYS):
            for pen in (self._first, self._second):
                self._day(pen, MONDAY + dt.timedelta(days=day))
                yield pen.batch()
        yield from self._crossed(MONDAY + dt.timedelta(days=_DAYS - 1, hours=7))

    def _day(self, pen: "_Pen", morning: dt.datetime) -> None:
        for number in range(_VISITS_A_DAY):
            at = morning + dt.timedelta(minutes=45 * number + self._rng.randint(0, 20))
            if (self._place.municipio, pen, morning, number) == (MUNICIPIOS[0], self._first, MONDAY, 0):
                self._activity_one(pen, at)
            else:
                self._visits.append(self._visit(pen, at))

    def _activity_one(self, pen: "_Pen", at: dt.datetime) -> None:
        """The atividade 1 of every example: in Cuiabá, planned, begun and not concluded; nobody else touches it."""
        data = field_work.new_visit(self._rng, self._place, pen.user) | {"tipo": "VISTORIA"}
        pen.create(at, "atividade", 1, data)
        begun = at + dt.timedelta(minutes=10)
        pen.update(begun, _Visit(1, 1, 1), field_work.begun(begun))

    def _visit(self, pen: "_Pen", at: dt.datetime) -> _Visit:
        visit = _Visit(drawn_uuid(self._rng), 1, 1)
        pen.create(at, "atividade", visit.entity_id, field_work.new_visit(self._rng, self._place, pen.user))
        if self._rng.random() < 0.1:
            pen.update(at + dt.timedelta(minutes=3), visit, field_work.cancelled())
            return visit
        pen.update(at + dt.timedelta(minutes=2), visit, field_work.begun(at + dt.timedelta(minutes=2)))
        pen.update(at + dt.timedelta(minutes=15), visit, field_work.inspected(self._rng))
        if self._rng.random() < 0.6:
            taken = at + dt.timedelta(minutes=16)
            pen.create(
                taken, "evidencia", drawn_uuid(self._rng), field_work.photograph(self._rng, visit.entity_id, taken)
            )
        if self._rng.random() < 0.8:
            done = at + dt.timedelta(minutes=22)
            pen.update(done, visit, field_work.concluded(done))
        return visit

    def _crossed(self, afternoon: dt.datetime) -> Iterator[DemoBatch]:
        """Both edit the same three visits offline; the second to arrive meets changes that it has not seen."""
        crossed = [(visit, visit.version) for visit in self._visits[-3:]]
        for number, (visit, _) in enumerate(crossed):
            at = afternoon + dt.timedelta(minutes=5 * number)
            self._first.update(at, visit, field_work.concluded(at) | {"descricao": "Revisada pela equipe da manhã"})
        yield self._first.batch()
        strategies = (Strategy.MANUAL, Strategy.MANUAL if self._is_large else Strategy.MERGE, Strategy.LAST_WRITE_WINS)
        for number, ((visit, seen), strategy) in enumerate(zip(crossed, strategies, strict=True)):
            at = afternoon + dt.timedelta(minutes=5 * number + 2)
            patch = field_work.cancelled() | {"descricao": "Imóvel fechado, segunda tentativa"}
            self._second.update(at, msgspec.structs.replace(visit, version=seen), patch, strategy)
        yield self._second.batch()

    @property
    def _is_large(self) -> bool:
        return self._place.municipio in MUNICIPIOS[:2]


class _Pen:
    """One device's handwriting: keys by number, base versions as the script counts them."""

    def __init__(self, place: Place, number: int) -> None:
        self.user = f"agente.{place.slug}.{number}"
        self._device = f"demo-{place.slug}-{number}"
        self._place = place
        self._written = 0
        self._operations: list[bytes] = []

    def batch(self) -> DemoBatch:
        """What was written since the last one."""
        operations, self._operations = tuple(self._operations), []
        return DemoBatch(device_id=self._device, user=self.user, municipio=self._place.municipio, operations=operations)

    def create(self, at: dt.datetime, entity_type: str, entity_id: EntityId, data: dict[str, Any]) -> None:
        """Write a create."""
        self._write(
            SentOperation(
                entity_type=entity_type,
                entity_id=entity_id,
                operation=OperationKind.CREATE,
                client_timestamp=field_work.moment(at),
                idempotency_key=self._key(),
                data=data,
            )
        )

    def update(
        self,
        at: dt.datetime,
        visit: _Visit,
        patch: dict[str, Any],
        strategy: Strategy = Strategy.LAST_WRITE_WINS,
    ) -> None:
        """Write an update of a visit, on the version that the script says was seen."""
        self._write(
            SentOperation(
                entity_type="atividade",
                entity_id=visit.entity_id,
                operation=OperationKind.UPDATE,
                client_timestamp=field_work.moment(at),
                idempotency_key=self._key(),
                data=patch,
                conflict_resolution_strategy=strategy,
                base_version=visit.version,
                municipio_cod_ibge=self._place.municipio,
            )
        )
        visit.events += 1
        visit.version = visit.events

    def _write(self, operation: SentOperation) -> None:
        self._operations.append(wire.encode_operation(operation))

    def _key(self) -> str:
        self._written += 1
        return str(uuid.uuid5(_KEYS, f"{self._device}/{self._written}"))
