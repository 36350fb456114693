"""The log as people see it: events by filter and by cursor, oldest first."""

import datetime as dt
from typing import Any

import msgspec
from msgspec import UNSET

from eventstore import EventFilter, PostgresEventStore, RecordedEvent
from projections.cursor import decode_cursor, encode_cursor
from projections.model import Event, Page
from projections.naming import rfc3339, shown_id, split_stream
from techdengue.domain.operation import EntityId
from techdengue.domain.payload import Metadata, Payload, decode_metadata, decode_payload
from techdengue.domain.validation import stream_name

from .territory import Reader


class EventsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events: None means any. `entity_id` needs `entity_type`; times are of `received_at`, half open."""

    municipio: str | None = None
    entity_type: str | None = None
    entity_id: EntityId | None = None
    device_id: str | None = None
    user_id: str | None = None
    outcome: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def filters(self) -> tuple[str | None, ...]:
        """The fields as text, for the cursor's scope."""
        values = (getattr(self, name) for name in self.__struct_fields__)
        return tuple(None if value is None else str(value) for value in values)


async def events(reader: Reader, wanted: EventsWanted, *, cursor: str | None = None, limit: int = 100) -> Page[Event]:
    """Events in the order of the log. Raises CursorFromElsewhere; ValueError for an id without its type."""
    scope = reader.scope("events", *wanted.filters())
    after = 0 if cursor is None else decode_cursor(scope, cursor, (int,))[0]
    found = await PostgresEventStore(reader.connection).search(_filter(reader, wanted), after, limit + 1)
    shown = found[:limit]
    has_more = len(found) > limit
    return Page(
        items=[event_of(event) for event in shown],
        next_cursor=encode_cursor(scope, shown[-1].position) if has_more else None,
        has_more=has_more,
    )


def event_of(event: RecordedEvent, payload: Payload | None = None, metadata: Metadata | None = None) -> Event:
    """An event as protocol.md shows it."""
    return Event(**event_fields(event, payload, metadata))


def event_fields(
    event: RecordedEvent, payload: Payload | None = None, metadata: Metadata | None = None
) -> dict[str, Any]:
    """The fields of `Event`."""
    payload = payload or decode_payload(event.payload)
    metadata = metadata or decode_metadata(event.metadata)
    entity_type, entity_id = split_stream(event.stream)
    return {
        "position": event.position,
        "lane": event.lane,
        "sequence": event.sequence,
        "version": event.version,
        "municipio_cod_ibge": event.tenant,
        "entity_type": entity_type,
        "entity_id": shown_id(entity_id),
        "kind": "operation" if payload.resolves is UNSET else "resolution",
        "operation": None if payload.operation is UNSET else payload.operation.value,
        "data": None if payload.data is UNSET else payload.data,
        "strategy": None if payload.strategy is UNSET else payload.strategy.value,
        "base_version": None if payload.base_version is UNSET else payload.base_version,
        "conflict_type": None if metadata.conflict_type is None else metadata.conflict_type.value,
        "outcome": event.outcome,
        "rule_set": event.rule_set,
        "resolves": None if payload.resolves is UNSET else payload.resolves,
        "choice": None if payload.choice is UNSET else payload.choice.value,
        "device_id": event.writer,
        "user_id": event.actor,
        "batch_id": metadata.batch_id,
        "idempotency_key": event.key,
        "client_timestamp": payload.client_timestamp,
        "effective_time": rfc3339(event.occurred_at),
        "received_at": rfc3339(event.recorded_at),
    }


def _filter(reader: Reader, wanted: EventsWanted) -> EventFilter:
    if wanted.entity_id is not None and wanted.entity_type is None:
        raise ValueError("entity_id needs entity_type")
    stream = None
    if wanted.entity_type is not None and wanted.entity_id is not None:
        stream = stream_name(wanted.entity_type, wanted.entity_id)
    tenants = reader.tenants
    return EventFilter(
        tenants=_tenants(None if tenants is None else frozenset(tenants), wanted.municipio),
        stream=stream,
        type_prefix=f"{wanted.entity_type}." if wanted.entity_type is not None and stream is None else None,
        writer=wanted.device_id,
        actor=wanted.user_id,
        outcome=wanted.outcome,
        since=wanted.since,
        until=wanted.until,
    )


def _tenants(territory: frozenset[str] | None, municipio: str | None) -> frozenset[str] | None:
    if municipio is None:
        return territory
    asked = frozenset({municipio})
    return asked if territory is None else asked & territory
