"""A generated history of devices, played against real servers: requests in flight at once, answers lost, all kept."""

import asyncio
import datetime as dt
import itertools
import json
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from techdengue.domain.access import Role
from techdengue.domain.operation import OperationKind
from techdengue.testing import Edit, History, Jump, Pull, Push, Settle, Step

from .wire import Json, Site

STATUS = ("CRIADA", "EM_ANDAMENTO", "CONCLUIDA", "CANCELADA")
REQUIRED: dict[str, Json] = {
    "atividade": {"tipo": "VISTORIA"},
    "evidencia": {"hash_sha256": "0" * 64, "tamanho_bytes": 1},
}
ENTITIES = ("e1", "e2", "f1")
"""`e1` and `e2` are atividades, `f1` is an evidencia of `e1`; `e2` of the device `d3` is another município's."""

Place = tuple[str, str, str]


class Told(msgspec.Struct, frozen=True):
    """What one request was answered about one of its operations."""

    device: str
    operation: Json
    sent_at: int | None
    kind: str
    """`successes`, `conflicts` or `errors`."""
    body: Json

    @property
    def key(self) -> tuple[str, str]:
        """What names the operation in the log."""
        return self.device, self.operation["idempotency_key"]


class Walker(msgspec.Struct, kw_only=True):
    """One device and its user: a wrong clock, a queue, and the versions that it has seen."""

    name: str
    user: str
    token: str
    skew: int
    queue: list[Json] = []
    edits: int = 0
    cursor: str | None = None
    seen: dict[Place, int] = {}
    in_flight: list["asyncio.Task[None]"] = []


class Game:
    """One history on a site. `told` holds every answer about every operation, in the order of arrival."""

    def __init__(self, site: Site, name: str, municipios: tuple[str, str], history: History) -> None:
        self.site = site
        self.name = name
        self.municipios = municipios
        self.told: list[Told] = []
        self.settled: list[Json] = []
        self.manager = site.token(f"gestora-{name}", Role.GESTOR, municipios)
        self.walkers = {
            device: Walker(
                name=f"{device}-{name}",
                user=f"user-{device}-{name}",
                token=site.token(f"user-{device}-{name}", Role.CAMPO, municipios),
                skew=skew,
            )
            for device, skew in history.clocks.items()
        }
        self._steps = history.steps
        self._waited = 0
        self._server = itertools.count()
        self._numbers = itertools.count(1)

    async def play(self) -> None:
        """Take every step; at the end every device sends what it still has."""
        for step in self._steps:
            self._waited += step.wait
            await self._take(step)
        for walker in self.walkers.values():
            await self._push(walker, Push(device=walker.name, size=len(walker.queue)))
        for walker in self.walkers.values():
            await self._land(walker)

    async def _take(self, step: Step) -> None:
        match step:
            case Edit():
                self._edit(self.walkers[step.device], step)
            case Push():
                await self._push(self.walkers[step.device], step)
            case Pull():
                await self._pull(self.walkers[step.device])
            case Jump():
                self.walkers[step.device].skew += step.by
            case Settle():
                await self._settle(step)

    def place_of(self, device: str, entity: str) -> Place:
        """The município, type and id of a history's entity."""
        other = entity == "e2" and device == "d3"
        kind = "evidencia" if entity.startswith("f") else "atividade"
        return self.municipios[other], kind, f"{entity}-{self.name}"

    def _edit(self, walker: Walker, edit: Edit) -> None:
        place = self.place_of(edit.device, edit.entity)
        walker.edits += 1
        sent: Json = {
            "entity_type": place[1],
            "entity_id": place[2],
            "operation": edit.kind.value,
            "client_timestamp": rfc3339(self._now(walker)),
            "idempotency_key": f"{walker.edits}-{self.name}",
            "conflict_resolution_strategy": edit.strategy.value,
        }
        if edit.data is not None and edit.kind is not OperationKind.DELETE:
            sent["data"] = self._content(place, edit.kind, edit.data)
        if edit.knows:
            sent["base_version"] = walker.seen.get(place, 0)
        if edit.kind is not OperationKind.CREATE:
            sent["municipio_cod_ibge"] = place[0]
        walker.queue.append(sent)

    def _content(self, place: Place, kind: OperationKind, data: Json) -> Json:
        """Most of generated data goes into `metadata`; what it looks like decides a few of the other fields."""
        patch = fields_of(place[1], data)
        if kind is OperationKind.CREATE:
            patch = {**REQUIRED[place[1]], **patch}
            if place[1] == "atividade":
                patch["municipio_cod_ibge"] = place[0]
            else:
                patch["atividade_id"] = f"e1-{self.name}"
        return patch

    async def _push(self, walker: Walker, push: Push) -> None:
        """A lost answer leaves its request in flight while the device sends the same operations again."""
        if walker.in_flight and walker.in_flight[-1].get_name() != "lost":
            await self._land(walker)
        batch = walker.queue[: push.size] * push.copies
        if not batch:
            return
        sent_at = self._now(walker) if push.says_when else None
        request = asyncio.create_task(self._send(walker, batch, sent_at), name="lost" if push.lost else "sent")
        walker.in_flight.append(request)
        if not push.lost:
            del walker.queue[: push.size]

    async def _land(self, walker: Walker) -> None:
        await asyncio.gather(*walker.in_flight)
        walker.in_flight = []

    async def _send(self, walker: Walker, batch: Sequence[Json], sent_at: int | None) -> None:
        more = {} if sent_at is None else {"sent_at": rfc3339(sent_at)}
        answer = await self.site.sync(walker.token, walker.name, batch, server=next(self._server), **more)
        self.told += matched(walker.name, batch, sent_at, answer)

    async def repeat(self, cuts: Sequence[int]) -> list[Told]:
        """Everything that was recorded, sent again in other batches; the answers, beside `told`."""
        before, self.told = self.told, []
        cut = itertools.cycle(cuts)
        for walker in self.walkers.values():
            mine = {t.operation["idempotency_key"]: t for t in before if t.device == walker.name and t.kind != "errors"}
            waiting = [told.operation for told in mine.values()]
            while waiting:
                size = next(cut)
                batch, waiting = waiting[:size], waiting[size:]
                await self._send(walker, batch, self._now(walker))
        again, self.told = self.told, before
        return again

    async def _pull(self, walker: Walker) -> None:
        await self._land(walker)
        while True:
            page = await self.site.get(
                "/api/sync/changes", walker.token, server=next(self._server), cursor=walker.cursor, limit=2
            )
            for item in page["items"]:
                place = (item["municipio_cod_ibge"], item["entity_type"], str(item["entity_id"]))
                walker.seen[place] = item["version"]
            walker.cursor = page["next_cursor"]
            if not page["has_more"]:
                return

    async def _settle(self, settle: Settle) -> None:
        """Somebody at the console settles an open conflict, twice with one key, and is too late with another."""
        _, kind, entity_id = self.place_of("", settle.entity)
        open_ones = await self.site.read_all("/api/conflicts", self.manager, type=kind, id=entity_id)
        if not open_ones:
            return
        conflict = open_ones[settle.which % len(open_ones)]
        body: Json = {"choice": settle.choice.value, "idempotency_key": f"s{next(self._numbers)}-{self.name}"}
        if settle.choice.value == "custom":
            body["data"] = fields_of(kind, settle.data)
        path = f"/api/conflicts/{conflict['conflict_id']}/resolution"
        one, other = await asyncio.gather(
            self.site.ask("POST", path, self.manager, body=body, server=0),
            self.site.ask("POST", path, self.manager, body=body, server=1),
        )
        assert (one.status, other.status) == (200, 200), (one.body, other.body)
        assert sorted([one.body.pop("already_processed"), other.body.pop("already_processed")]) == [False, True]
        assert one.body == other.body
        late = await self.site.ask("POST", path, self.manager, body={"choice": "server", "idempotency_key": "late"})
        assert (late.status, late.body["code"]) == (409, "conflict_already_resolved")
        self.settled.append(conflict | body)

    def _now(self, walker: Walker) -> int:
        return time.time_ns() // 1000 + self._waited + walker.skew


def matched(device: str, batch: Sequence[Json], sent_at: int | None, answer: Json) -> list[Told]:
    """Each operation of a batch with its answer: each list keeps the order of the request."""
    lists = {kind: list(answer[kind]) for kind in ("successes", "conflicts", "errors")}
    told = []
    for index, sent in enumerate(batch):
        for kind, answers in lists.items():
            if answers and _names(answers[0]) == _names(sent) and answers[0].get("index", index) == index:
                told.append(Told(device, sent, sent_at, kind, answers.pop(0)))
                break
        else:
            raise AssertionError(f"nothing was answered about {sent} at its place: {answer}")
    return told


def fields_of(kind: str, data: Json) -> Json:
    """Generated data as a merge patch that an entity type takes."""
    fields: Json = {} if not data else {"metadata": _storable(data)}
    shape = len(json.dumps(data))
    if kind == "atividade" and shape % 3 == 0 and data:
        fields["status"] = STATUS[shape % 4]
    if "a" in data:
        fields["descricao"] = data["a"] if isinstance(data["a"], str) else None
    if "b" in data and data["b"] is None:
        fields["metadata"] = None
    return fields


def _storable(value: Any) -> Any:
    """The value without what no document of ours takes: integers beyond 64 bits, NUL characters."""
    match value:
        case dict():
            return {_storable(key): _storable(inner) for key, inner in value.items()}
        case list():
            return [_storable(item) for item in value]
        case str():
            return value.replace("\x00", "")
        case int() if not isinstance(value, bool):
            return min(value, 2**63 - 1)
    return value


def _names(answer: Json) -> tuple[Any, ...]:
    return tuple(answer[name] for name in ("entity_type", "entity_id", "operation", "idempotency_key"))


def rfc3339(micros: int) -> str:
    """A time in µs since the epoch as devices write it."""
    at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
