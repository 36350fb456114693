"""The trail as its readers see it: newest first, filtered, within their territory."""

import datetime as dt
from typing import Any

import msgspec

from projections.cursor import decode_cursor, encode_cursor
from projections.model import Page
from projections.naming import rfc3339
from projections.queries import Reader

from .statements import LIST_ENTRIES


class AuditWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries: None means any."""

    user: str | None = None
    device: str | None = None
    action: str | None = None
    outcome: str | None = None
    target_type: str | None = None
    target_id: str | None = None
    municipio: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def filters(self) -> tuple[str | None, ...]:
        """The fields as text, for the cursor's scope."""
        values = (getattr(self, name) for name in self.__struct_fields__)
        return tuple(None if value is None else str(value) for value in values)


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: who did what, to what, when and from where; `status` is of HTTP, `code` of the problem answered."""

    audit_id: int
    at: str
    user: str | None
    role: str | None
    device_id: str | None
    action: str
    outcome: str
    target_type: str | None
    target_id: str | None
    municipios: list[str]
    address: str | None
    request_id: str | None
    status: int
    code: str | None


async def entries(
    reader: Reader, wanted: AuditWanted, *, cursor: str | None = None, limit: int = 100
) -> Page[AuditEntry]:
    """A page of entries, newest first. Raises CursorFromElsewhere."""
    scope = reader.scope("audit", *wanted.filters())
    below = None if cursor is None else decode_cursor(scope, cursor, (int,))[0]
    rows = await reader.connection.fetch(
        LIST_ENTRIES,
        wanted.user,
        wanted.device,
        wanted.action,
        wanted.outcome,
        wanted.target_type,
        wanted.target_id,
        wanted.municipio,
        wanted.since,
        wanted.until,
        below,
        limit + 1,
    )
    shown, has_more = rows[:limit], len(rows) > limit
    return Page(
        items=[_entry(row) for row in shown],
        next_cursor=encode_cursor(scope, shown[-1]["audit_id"]) if has_more else None,
        has_more=has_more,
    )


def _entry(row: Any) -> AuditEntry:
    named = dict(row)
    return AuditEntry(at=rfc3339(named.pop("at")), user=named.pop("user_id"), **named)
