"""One entity: its document now or as of a cut of the log, who set each leaf, and its history."""

import asyncio
import collections
import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import msgspec
from msgspec import UNSET

from eventstore import PostgresEventStore, RecordedEvent
from projections.cursor import decode_cursor, encode_cursor
from projections.diff import difference
from projections.errors import SeveralEntities
from projections.model import Document, EntityAsOf, HistoryEvent, Origin, Page
from projections.naming import rfc3339, shown_id, split_stream
from projections.replay import Step, steps_of
from projections.sql_statements import STATEMENTS
from techdengue.domain.operation import EntityId
from techdengue.domain.times import to_rfc3339
from techdengue.domain.validation import stream_name
from techdengue.resolver import REMOVED, Stamp, State, shown

from .changes import document_of
from .events import event_fields
from .territory import Reader

_MANY_EVENTS, _MANY_BYTES = 500, 256 * 1024
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Where a log is cut: after a position, or after what was received at a time; neither is now."""

    position: int | None = None
    time: dt.datetime | None = None

    def holds(self, event: RecordedEvent) -> bool:
        """Whether the event is within the cut."""
        if self.position is not None and event.position > self.position:
            return False
        return self.time is None or event.recorded_at <= self.time


NOW = Cut()


async def entity(
    reader: Reader, entity_type: str, entity_id: EntityId, *, municipio: str | None = None
) -> Document | None:
    """The document now; None when there is no such entity in the territory. Raises SeveralEntities."""
    row = await _head(reader, entity_type, entity_id, municipio)
    return None if row is None else document_of(row)


async def entity_as_of(
    reader: Reader,
    entity_type: str,
    entity_id: EntityId,
    *,
    municipio: str | None = None,
    cut: Cut = NOW,
    provenance: bool = False,
) -> EntityAsOf | None:
    """The document as the cut leaves it; None when there was no such entity yet. Raises SeveralEntities."""
    whole = await _events(reader, entity_type, entity_id, municipio)
    events = [event for event in whole if cut.holds(event)]
    last = await _apart(events, _last_step, events)
    if last is None or last.after.version == 0:
        return None
    made = events[last.after.version - 1]
    name, text = split_stream(last.event.stream)
    return EntityAsOf(
        entity_type=name,
        entity_id=shown_id(text),
        municipio_cod_ibge=last.event.tenant,
        version=last.after.version,
        deleted=last.document is None,
        data=last.document,
        updated_at=rfc3339(made.occurred_at),
        sequence=last.event.sequence,
        position=last.event.position,
        provenance=_provenance(last, events) if provenance else UNSET,
    )


async def history(
    reader: Reader,
    entity_type: str,
    entity_id: EntityId,
    *,
    municipio: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[HistoryEvent] | None:
    """The entity's events in order, each with what it changed; None when there is no such entity.

    Raises SeveralEntities, CursorFromElsewhere.
    """
    scope = reader.scope("history", stream_name(entity_type, entity_id), municipio)
    after = 0 if cursor is None else decode_cursor(scope, cursor, (int,))[0]
    events = await _events(reader, entity_type, entity_id, municipio)
    if not events:
        return None
    has_more = len(events) > after + limit
    return Page(
        items=await _apart(events, _history, events[: after + limit], after),
        next_cursor=encode_cursor(scope, after + limit) if has_more else None,
        has_more=has_more,
    )


async def _head(reader: Reader, entity_type: str, entity_id: EntityId, municipio: str | None) -> Any:
    rows = await reader.connection.fetch(STATEMENTS["read_entity"], stream_name(entity_type, entity_id), municipio)
    if len(rows) > 1:
        raise SeveralEntities(
            entity_type=entity_type,
            entity_id=str(entity_id),
            municipios=tuple(row["tenant"] for row in rows),
        )
    return rows[0] if rows else None


async def _events(reader: Reader, entity_type: str, entity_id: EntityId, municipio: str | None) -> list[RecordedEvent]:
    row = await _head(reader, entity_type, entity_id, municipio)
    if row is None:
        return []
    return list(await PostgresEventStore(reader.connection).read_stream(row["tenant"], row["stream"]))


async def _apart(
    events: Sequence[RecordedEvent],
    work: Callable[Arguments, Result],
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> Result:
    """What `work` answers; on much to fold, in a thread, so that everybody else is answered meanwhile."""
    if len(events) <= _MANY_EVENTS and sum(len(event.payload) for event in events) <= _MANY_BYTES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


def _last_step(events: Sequence[RecordedEvent]) -> Step | None:
    last = collections.deque(steps_of(events), maxlen=1)
    return last[0] if last else None


def _history(events: Sequence[RecordedEvent], after: int) -> list[HistoryEvent]:
    return [_history_event(step) for step in itertools.islice(steps_of(events), after, None)]


def _history_event(step: Step) -> HistoryEvent:
    fields = event_fields(step.event, step.payload, step.metadata)
    return HistoryEvent(**fields, diff=difference(step.before_document, step.document))


def _provenance(last: Step, events: Sequence[RecordedEvent]) -> dict[str, Origin]:
    by_stamp = {(event.writer, event.key): event for event in events}
    if last.document is None:
        stamp = last.after.tombstone
        return {} if stamp is None else {"": _origin(stamp, by_stamp)}
    stamps = _visible_stamps(last.after)
    return {path: _origin(stamps[path], by_stamp) for path in sorted(stamps)}


def _visible_stamps(state: State) -> dict[str, Stamp]:
    """The stamp of every leaf that the document shows; an object with something in it is no leaf of its own."""
    held = {path: value for path, (value, _) in state.leaves.items() if value is not REMOVED}
    visible = list(itertools.compress(held, shown(state, held)))
    above = {path[:end] for path in visible for end in _ends(path)}
    return {path: state.leaves[path][1] for path in visible if path not in above}


def _ends(path: str) -> list[int]:
    return [index for index, letter in enumerate(path) if letter == "/"]


def _origin(stamp: Stamp, events: dict[tuple[str, str], RecordedEvent]) -> Origin:
    time, device, key = stamp
    event = events[device, key]
    return Origin(
        device_id=device,
        user_id=event.actor,
        effective_time=to_rfc3339(time),
        sequence=event.sequence,
        position=event.position,
        idempotency_key=key,
    )
