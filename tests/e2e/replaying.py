"""A stream's history, replayed by the independent model of resolution.md and compared with all that the server says.

Shares nothing with the product but the structs of the model's questions. Where the replay differs, an assertion names
the event.
"""

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from techdengue.domain.operation import Choice, OperationKind, Strategy
from techdengue.resolver.model import Operation, Settlement
from tests.resolver import slow_model as model

from .playing import Place, Told
from .wire import Json, Site

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
EVENT_FIELDS = {
    "position", "lane", "sequence", "version", "municipio_cod_ibge", "entity_type", "entity_id", "kind", "operation",
    "data", "strategy", "base_version", "conflict_type", "outcome", "rule_set", "resolves", "choice", "device_id",
    "user_id", "batch_id", "idempotency_key", "client_timestamp", "effective_time", "received_at", "diff",
}  # fmt: skip


class Replay(msgspec.Struct, frozen=True):
    """A stream as the model sees it: its events, and its state after each (`entities[0]` is before the first)."""

    events: list[Json]
    entities: list[model.Entity]

    @property
    def last(self) -> model.Entity:
        """The state now."""
        return self.entities[-1]


async def replay(site: Site, token: str, place: Place) -> Replay:
    """Read a stream's history and decide every event of it once more. Asserts outcome, conflict, version and diff."""
    municipio, kind, entity_id = place
    path = f"/api/entities/{kind}/{entity_id}/history"
    events = await site.read_all(path, token, municipio_cod_ibge=municipio, limit=7)
    entities = [model.Entity()]
    asked: dict[int, Operation] = {}
    for event in events:
        assert event.keys() == EVENT_FIELDS
        assert (event["municipio_cod_ibge"], event["entity_type"], str(event["entity_id"])) == place
        question = _question(event, asked)
        decided = model.resolve(entities[-1], question, _base(question, entities))
        assert isinstance(decided, model.Accepted), (event, decided)
        conflict = None if decided.conflict_type is None else decided.conflict_type.value
        assert (event["outcome"], event["conflict_type"]) == (decided.outcome.value, conflict), event
        assert (event["sequence"], event["version"]) == (len(entities), model.version(decided.entity)), event
        assert _diff(event["diff"]) == _difference(entities[-1], decided.entity), event
        _assert_sound(event, entities, question)
        entities.append(decided.entity)
        if isinstance(question, Operation):
            asked[event["sequence"]] = question
    return Replay(events, entities)


async def assert_states(site: Site, token: str, place: Place, replayed: Replay) -> None:
    """The document now, and as of every position and time, are the model's."""
    municipio, kind, entity_id = place
    path = f"/api/entities/{kind}/{entity_id}"
    now = await site.get(path, token, municipio_cod_ibge=municipio, server=1)
    assert_document(now, replayed.last)
    for number, (event, entity) in enumerate(zip(replayed.events, replayed.entities[1:], strict=True)):
        cut = event["position"]
        then = await site.get(path, token, municipio_cod_ibge=municipio, as_of=cut, server=number)
        assert (then["position"], then["sequence"]) == (event["position"], event["sequence"])
        assert_document(then, entity)
        received = [event["received_at"] for event in replayed.events]
        if event["received_at"] not in received[number + 1 :]:
            at = await site.get(path, token, municipio_cod_ibge=municipio, as_of=event["received_at"], server=number)
            assert at == then
    first = replayed.events[0]["position"]
    before = await site.ask("GET", path, token, params={"as_of": str(first - 1), "municipio_cod_ibge": municipio})
    assert (before.status, before.body["code"]) == (404, "entity_not_found")


def assert_document(shown: Json, entity: model.Entity) -> None:
    """A document answer is the model's: version, liveness, data."""
    expected = model.document(entity)
    assert (shown["version"], shown["deleted"]) == (model.version(entity), expected is None)
    assert model.canonical(shown["data"]) == model.canonical(expected)


def assert_times(
    replays: Mapping[Place, Replay],
    told: Sequence[Told],
    attempts: Mapping[tuple[str, str], Collection[int | None]] | None = None,
) -> None:
    """Every effective time follows the four rules, and `clock_skew` was said where they moved it.

    Where the first answer may have been lost, `attempts` says for each operation what each request with it gave as
    `sent_at`: one of these it was. Else it is what the request gave whose answer was not `already_processed`.
    """
    answers: dict[tuple[str, str], Told] = {}
    for answer in told:
        if answer.kind != "errors" and (attempts is not None or not answer.body["already_processed"]):
            answers[answer.key] = answer
    clocks: dict[str, int] = {}
    every = [(event, replayed) for replayed in replays.values() for event in replayed.events]
    for event, replayed in sorted(every, key=lambda each: each[0]["position"]):
        device, number = event["device_id"], event["sequence"]
        received, effective = micros(event["received_at"]), micros(event["effective_time"])
        if number > 1:
            assert event["received_at"] >= replayed.events[number - 2]["received_at"], "time went back in a stream"
        key = device, event["idempotency_key"]
        known = answers.get(key)
        said = (None if known is None else known.sent_at,) if attempts is None else attempts.get(key, (None,))
        base = None if event["base_version"] is None else model.clock(replayed.entities[event["base_version"]])
        moved = number > 1 and event["received_at"] == replayed.events[number - 2]["received_at"]
        possible = [
            model.effective_time(micros(event["client_timestamp"]), received, sent_at, clocks.get(device), base)
            for sent_at in said
        ]
        if not moved:  # else `received_at` is the stream's, not the request's, which rule 1 measures with
            skews = [skewed for time, skewed in possible if time == effective]
            assert skews, event
            assert known is None or ("clock_skew" in known.body.get("warnings", ())) in skews, event
        assert effective > clocks.get(device, effective - 1), event
        clocks[device] = effective


def assert_answers(replays: Mapping[Place, Replay], told: Sequence[Told]) -> None:
    """Every answer is what the log holds, the document shown included; what was refused is not in the log."""
    logged = {(e["device_id"], e["idempotency_key"]): (r, e) for r in replays.values() for e in r.events}
    firsts = [answer.key for answer in told if answer.kind != "errors" and not answer.body["already_processed"]]
    assert len(set(firsts)) == len(firsts), "recorded twice"
    operations = {key for key, (_, event) in logged.items() if event["kind"] == "operation"}
    assert set(firsts) == operations
    for answer in told:
        if answer.kind == "errors":
            assert answer.body["code"] in {"entity_not_found", "unknown_base_version", "invalid_data"}, answer
            continue
        assert_answer(answer, *logged[answer.key])


def assert_answer(answer: Told, replayed: Replay, event: Json) -> None:
    """One answer tells of its event what the model says of it."""
    before, after = replayed.entities[event["sequence"] - 1], replayed.entities[event["sequence"]]
    assert answer.body.get("conflict_type") == event["conflict_type"]
    if answer.kind == "conflicts":
        assert event["outcome"] == "conflict"
        assert model.canonical(answer.body["server_data"]) == model.canonical(model.document(before))
        assert answer.body["client_data"] == event["data"]
        return
    assert (answer.body["status"], answer.body["version"]) == (event["outcome"], event["version"])
    assert ("server_data" in answer.body) == (event["outcome"] in {"merged", "server_kept"})
    if "server_data" in answer.body:
        assert model.canonical(answer.body["server_data"]) == model.canonical(model.document(after))


async def assert_conflicts(site: Site, token: str, place: Place, replayed: Replay) -> None:
    """The manual queue holds each parked operation once, open exactly where the model has it open."""
    municipio, kind, entity_id = place
    listed = await site.read_all(
        "/api/conflicts", token, status="any", type=kind, id=entity_id, municipio=municipio, limit=2
    )
    parked = [event["sequence"] for event in replayed.events if event["outcome"] == "conflict"]
    assert sorted(conflict["sequence"] for conflict in listed) == parked
    assert {c["sequence"] for c in listed if c["status"] == "open"} == set(replayed.last.open)
    settled = {event["resolves"]: event for event in replayed.events if event["kind"] == "resolution"}
    for conflict in listed:
        if conflict["status"] == "resolved":
            event = settled[conflict["sequence"]]
            assert (conflict["choice"], conflict["resolved_sequence"]) == (event["choice"], event["sequence"])


def micros(text: str) -> int:
    """An RFC 3339 time in µs since the epoch."""
    return (dt.datetime.fromisoformat(text) - _EPOCH) // dt.timedelta(microseconds=1)


def _question(event: Json, asked: Mapping[int, Operation]) -> Operation | Settlement:
    time, received_at = micros(event["effective_time"]), micros(event["received_at"])
    if event["kind"] == "resolution":
        assert event["device_id"].startswith("console:")
        return Settlement(
            choice=Choice(event["choice"]), resolves=event["resolves"], parked=asked[event["resolves"]],
            device=event["device_id"], key=event["idempotency_key"], time=time, received_at=received_at,
            data=event["data"],
        )  # fmt: skip
    return Operation(
        kind=OperationKind(event["operation"]), device=event["device_id"], key=event["idempotency_key"], time=time,
        received_at=received_at, data=event["data"], strategy=Strategy(event["strategy"]),
        base_version=event["base_version"],
    )  # fmt: skip


def _base(question: Operation | Settlement, entities: Sequence[model.Entity]) -> model.Entity | None:
    base = (question.parked if isinstance(question, Settlement) else question).base_version
    return entities[base] if base is not None and base < len(entities) else None


def _assert_sound(event: Json, entities: Sequence[model.Entity], question: Operation | Settlement) -> None:
    """Law 8, from the events alone: with a base, a conflict is exactly a missed change of another device."""
    before = entities[-1]
    if not isinstance(question, Operation) or question.base_version is None or not model.live(before):
        return
    if question.kind is OperationKind.CREATE or event["outcome"] == "no_change":
        return
    missed = [c for c in before.changes if c.device != question.device and c.sequence > question.base_version]
    assert bool(missed) == (event["conflict_type"] is not None), event


def _diff(changes: Sequence[Json]) -> dict[str, tuple[str, str]]:
    return {change["path"]: (_text(change["before"]), _text(change["after"])) for change in changes}


def _difference(before: model.Entity, after: model.Entity) -> dict[str, tuple[str, str]]:
    """By text, not by canonical JSON: that `1` became `1.0` is equal and shown all the same."""
    old, new = _leaves(model.document(before), ""), _leaves(model.document(after), "")
    nothing = _text(None)
    return {
        path: (old.get(path, nothing), new.get(path, nothing))
        for path in old.keys() | new.keys()
        if old.get(path) != new.get(path)
    }


def _leaves(value: Any, path: str) -> dict[str, str]:
    if value is None and path == "":
        return {}
    if not isinstance(value, dict) or not value:
        return {path: _text(value)}
    inner = ((f"{path}/{key.replace('~', '~0').replace('/', '~1')}", below) for key, below in value.items())
    return {leaf: shown for deeper, below in inner for leaf, shown in _leaves(below, deeper).items()}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
