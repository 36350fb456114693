"""The manual queue: parked operations, oldest first, and one of them leaf by leaf.

What the server holds is shown as it is now, for that is what a decision meets; so is the suggested sentence
of one that is still open.
"""

import datetime as dt
import uuid
from typing import Any

import msgspec
from msgspec import UNSET

from eventstore import PostgresEventStore
from projections.cursor import decode_cursor, encode_cursor
from projections.errors import CursorFromElsewhere
from projections.model import Conflict, ConflictDetail, LeafConflict, Page
from projections.naming import rfc3339, shown_id, split_stream
from projections.replay import fold, operation_of
from projections.sql_statements import STATEMENTS
from techdengue.domain.operation import ConflictType, EntityId, OperationKind
from techdengue.domain.payload import decode_payload
from techdengue.domain.validation import stream_name
from techdengue.resolver import (
    ABSENT,
    REMOVED,
    Operation,
    State,
    assignments,
    contested,
    decode_state,
    document,
    suggestion,
    value_at,
)

from .rows import recorded_event
from .territory import Reader


class ConflictsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which conflicts: None means any. `status`: `open` or `resolved`; `entity_id` needs `entity_type`."""

    status: str | None = None
    municipio: str | None = None
    entity_type: str | None = None
    entity_id: EntityId | None = None
    device_id: str | None = None

    def filters(self) -> tuple[str | None, ...]:
        """The fields as text, for the cursor's scope."""
        values = (getattr(self, name) for name in self.__struct_fields__)
        return tuple(None if value is None else str(value) for value in values)


async def conflicts(
    reader: Reader, wanted: ConflictsWanted, *, cursor: str | None = None, limit: int = 100
) -> Page[Conflict]:
    """Conflicts in the order in which they were opened. Raises CursorFromElsewhere."""
    scope = reader.scope("conflicts", *wanted.filters())
    after = (None, None) if cursor is None else _place(decode_cursor(scope, cursor, (str, str)))
    stream = None
    if wanted.entity_type is not None and wanted.entity_id is not None:
        stream = stream_name(wanted.entity_type, wanted.entity_id)
    rows = await reader.connection.fetch(
        STATEMENTS["list_conflicts"],
        wanted.status,
        wanted.entity_type,
        [wanted.municipio] if wanted.municipio is not None else reader.tenants,
        wanted.device_id,
        stream,
        *after,
        limit + 1,
    )
    shown, has_more = rows[:limit], len(rows) > limit
    return Page(
        items=[Conflict(**_fields(row)) for row in shown],
        next_cursor=encode_cursor(scope, *_key(shown[-1])) if has_more else None,
        has_more=has_more,
    )


async def conflict(reader: Reader, conflict_id: uuid.UUID) -> ConflictDetail | None:
    """One conflict with its base, leaf by leaf; None when there is no such one in the territory."""
    row = await reader.connection.fetchrow(STATEMENTS["read_conflict"], conflict_id)
    if row is None:
        return None
    operation = _operation(row)
    base = await _base(reader, row, operation)
    return ConflictDetail(
        **_fields(row),
        base_data=None if base is None else document(base),
        leaves=_leaves(operation, decode_state(row["state"]), base),
    )


def _place(decoded: tuple[Any, ...]) -> tuple[dt.datetime, uuid.UUID]:
    try:
        return dt.datetime.fromisoformat(decoded[0]).astimezone(dt.UTC), uuid.UUID(decoded[1])
    except (ValueError, OverflowError) as error:
        raise CursorFromElsewhere from error


def _key(row: Any) -> tuple[str, str]:
    return row["opened_at"].isoformat(), str(row["conflict_id"])


async def _base(reader: Reader, row: Any, operation: Operation) -> State | None:
    """The entity as the operation's author had seen it; None where that is not known."""
    if operation.base_version is None:
        return None
    store = PostgresEventStore(reader.connection)
    events = await store.read_stream(row["municipio_cod_ibge"], row["stream"], up_to=operation.base_version)
    folded, _ = fold(events)
    return folded.state if operation.base_version else ABSENT


def _operation(row: Any) -> Operation:
    event = recorded_event(row, tenant=row["municipio_cod_ibge"], stream=row["stream"], sequence=row["sequence"])
    return operation_of(event, decode_payload(row["payload"]))


def _leaves(operation: Operation, server: State, base: State | None) -> list[LeafConflict]:
    """Every leaf that the operation assigns; a deletion assigns none."""
    if operation.kind is OperationKind.DELETE:
        return []
    now, known = document(server), None if base is None else document(base)
    differing = {contest.path for contest in contested(server, operation, base)}
    return [
        LeafConflict(
            path=path,
            base=_shown(value_at(known, path)),
            client=None if value is REMOVED else value,
            server=_shown(value_at(now, path)),
            differs=path in differing,
        )
        for path, value in assignments(operation.kind, operation.data).items()
        if path
    ]


def _shown(value: Any) -> Any:
    return None if value is UNSET else value


def _fields(row: Any) -> dict[str, Any]:
    operation = _operation(row)
    kind = ConflictType(row["conflict_type"])
    state = decode_state(row["state"])
    entity_type, entity_id = split_stream(row["stream"])
    payload = decode_payload(row["payload"])
    open_still = row["status"] == "open"
    return {
        "conflict_id": str(row["conflict_id"]),
        "status": row["status"],
        "entity_type": entity_type,
        "entity_id": shown_id(entity_id),
        "municipio_cod_ibge": row["municipio_cod_ibge"],
        "sequence": row["sequence"],
        "position": row["position"],
        "operation": operation.kind.value,
        "conflict_type": row["conflict_type"],
        "strategy": row["strategy"],
        "device_id": row["writer"],
        "user_id": row["actor"],
        "idempotency_key": row["key"],
        "base_version": operation.base_version,
        "client_version": payload.client_timestamp,
        "server_version": rfc3339(row["updated_at"]),
        "opened_at": rfc3339(row["opened_at"]),
        "client_data": operation.data,
        "server_data": None if row["document"] is None else msgspec.Raw(row["document"]),
        "suggested_resolution": suggestion(kind, operation, contested(state, operation, None)) if open_still else None,
        "choice": row["choice"],
        "resolved_sequence": row["resolved_sequence"],
        "resolved_by": row["resolved_by"],
        "resolved_at": None if row["resolved_at"] is None else rfc3339(row["resolved_at"]),
        "note": row["note"],
    }
