"""One entity: its document now or as of a cut of the log, who set each leaf, and its history."""

import datetime as dt
import itertools
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import UNSET

from eventstore import PostgresEventStore, RecordedEvent
from projections.cursor import decode_cursor, encode_cursor
from projections.diff import difference
from projections.errors import SeveralEntities
from projections.folding import apart, stream_steps
from projections.model import Document, EntityAsOf, HistoryEvent, Origin, Page
from projections.naming import rfc3339, shown_id, split_stream
from projections.replay import Step
from projections.sql_statements import STATEMENTS
from techdengue.domain.operation import EntityId
from techdengue.domain.times import to_rfc3339
from techdengue.domain.validation import stream_name
from techdengue.resolver import REMOVED, Stamp, State, shown

from .changes import document_of
from .events import event_fields
from .territory import Reader

_PAGE = 500
"""Events that are read at once."""


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
    return None if row is None else document_of(*row)


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
    place = await _place(reader, entity_type, entity_id, municipio)
    last, made = await _last_step(reader, place, cut)
    if last is None or made is None:
        return None
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
        provenance=await _provenance(reader, last) if provenance else UNSET,
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
    place = await _place(reader, entity_type, entity_id, municipio)
    if place is None:
        return None
    items: list[HistoryEvent] = []
    async for steps in stream_steps(PostgresEventStore(reader.connection), *place, up_to=after + limit + 1):
        wanted = [step for step in steps if step.event.sequence > after]
        items += await apart([step.event for step in wanted], _history, wanted)
    has_more = len(items) > limit
    return Page(
        items=items[:limit],
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


async def _place(
    reader: Reader, entity_type: str, entity_id: EntityId, municipio: str | None
) -> tuple[str, str] | None:
    """The tenant and the stream of the entity; None where there is none."""
    row = await _head(reader, entity_type, entity_id, municipio)
    return None if row is None else (row["tenant"], row["stream"])


async def _last_step(reader: Reader, place: tuple[str, str] | None, cut: Cut) -> tuple[Step | None, Step | None]:
    """The last step within a cut, and the last one that made a version."""
    last = made = None
    if place is not None:
        async with aclosing(stream_steps(PostgresEventStore(reader.connection), *place)) as pages:
            async for steps in pages:
                for step in steps:
                    if not cut.holds(step.event):
                        return last, made
                    last, made = step, step if step.changed else made
    return last, made


def _history(steps: list[Step]) -> list[HistoryEvent]:
    return [_history_event(step) for step in steps]


def _history_event(step: Step) -> HistoryEvent:
    fields = event_fields(step.event, step.payload, step.metadata)
    return HistoryEvent(**fields, diff=difference(step.before_document, step.document))


async def _provenance(reader: Reader, last: Step) -> dict[str, Origin]:
    stamps = _visible_stamps(last.after)
    if last.document is None:
        stamps = {} if last.after.tombstone is None else {"": last.after.tombstone}
    wanted = {stamp[1:] for stamp in stamps.values()}
    events: dict[tuple[str, str], RecordedEvent] = {}
    store, after = PostgresEventStore(reader.connection), 0
    while page := await store.read_stream(last.event.tenant, last.event.stream, after, last.event.sequence, _PAGE):
        events.update({key: event for event in page if (key := (event.writer, event.key)) in wanted})
        after = page[-1].sequence
    return {path: _origin(stamps[path], events) for path in sorted(stamps)}


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
