"""One entity: its document now or as of a cut of the log, who set each leaf, and its history."""

import datetime as dt
from typing import Any

import msgspec
from msgspec import UNSET

from eventstore import PostgresEventStore, RecordedEvent
from projections.cursor import decode_cursor, encode_cursor
from projections.diff import difference
from projections.errors import SeveralEntities
from projections.model import Document, EntityAsOf, HistoryEvent, Origin, Page
from projections.naming import rfc3339, shown_id, split_stream
from projections.replay import Step, fold
from projections.sql_statements import STATEMENTS
from techdengue.domain.operation import EntityId
from techdengue.domain.times import to_rfc3339
from techdengue.domain.validation import stream_name
from techdengue.resolver import REMOVED, Stamp, State
from techdengue.resolver.document import shows

from .changes import document_of
from .events import event_fields
from .territory import Reader


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
    events = await _events(reader, entity_type, entity_id, municipio)
    _, steps = fold(event for event in events if cut.holds(event))
    if not steps or steps[-1].after.version == 0:
        return None
    last = steps[-1]
    made = steps[last.after.version - 1]
    name, text = split_stream(last.event.stream)
    return EntityAsOf(
        entity_type=name,
        entity_id=shown_id(text),
        municipio_cod_ibge=last.event.tenant,
        version=last.after.version,
        deleted=last.document is None,
        data=last.document,
        updated_at=rfc3339(made.event.occurred_at),
        sequence=last.event.sequence,
        position=last.event.position,
        provenance=_provenance(steps) if provenance else UNSET,
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
    _, steps = fold(event for event in events if event.sequence <= after + limit)
    has_more = len(events) > after + limit
    return Page(
        items=[_history_event(step) for step in steps[after:]],
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


def _history_event(step: Step) -> HistoryEvent:
    fields = event_fields(step.event, step.payload, step.metadata)
    return HistoryEvent(**fields, diff=difference(step.before_document, step.document))


def _provenance(steps: list[Step]) -> dict[str, Origin]:
    last = steps[-1]
    by_stamp = {(step.event.writer, step.event.key): step.event for step in steps}
    if last.document is None:
        stamp = last.after.tombstone
        return {} if stamp is None else {"": _origin(stamp, by_stamp)}
    stamps = _visible_stamps(last.after, last.document)
    return {path: _origin(stamps[path], by_stamp) for path in sorted(stamps)}


def _visible_stamps(state: State, document: dict[str, Any]) -> dict[str, Stamp]:
    """The stamp of every leaf that the document shows; an object with something in it is no leaf of its own."""
    shown = {
        path: stamp
        for path, (value, stamp) in state.leaves.items()
        if value is not REMOVED and shows(document, path, value)
    }
    above = {path[:end] for path in shown for end in _ends(path)}
    return {path: stamp for path, stamp in shown.items() if path not in above}


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
