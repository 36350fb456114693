"""What devices pull: the full download through the heads, then the entities that the log says have changed.

The download starts at a fixed position and pages heads by key, each as it is when its page is read; what changes
meanwhile is behind that position and comes again from the log. In the log an entity is sent with the event that
made its newest version, so once for however many events, and never while a later page will send it. Positions are
gapless and in commit order: nothing that commits late can be behind a cursor.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec

from projections.cursor import Scope, decode_cursor, encode_cursor
from projections.errors import CursorFromElsewhere
from projections.model import Document, Page
from projections.naming import rfc3339, shown_id, split_stream
from projections.sql_statements import STATEMENTS

from .territory import Reader

_DOWNLOAD = (int, str, str)
_FOLLOW = (int,)
_EMPTY_PAGES = 8
"""So many pages of the log without an entity to send are passed over in one call."""


async def changes(
    reader: Reader, *, cursor: str | None = None, limit: int = 500, entity_type: str | None = None
) -> Page[Document]:
    """The entities that changed since the cursor, at most `limit`; without a cursor, all, deleted ones too.

    `next_cursor` is always there; `has_more` says that calling again now would bring something, or may.
    Raises CursorFromElsewhere.
    """
    scope = reader.scope("changes", entity_type)
    prefix = f"{entity_type}/" if entity_type else ""
    if cursor is None:
        return await _download(reader, scope, reader.tail, ("", ""), limit, prefix)
    place = decode_cursor(scope, cursor, _DOWNLOAD, _FOLLOW)
    if not 0 <= place[0] <= reader.tail:
        raise CursorFromElsewhere
    if len(place) == len(_DOWNLOAD):
        start, tenant, stream = place
        return await _download(reader, scope, start, (tenant, stream), limit, prefix)
    return await _follow(reader, scope, place[0], limit, prefix)


def document_of(tenant: str, stream: str, version: int, updated_at: dt.datetime, document: bytes | None) -> Document:
    """A document from the columns of a head."""
    entity_type, entity_id = split_stream(stream)
    return Document(
        entity_type=entity_type,
        entity_id=shown_id(entity_id),
        municipio_cod_ibge=tenant,
        version=version,
        deleted=document is None,
        data=None if document is None else msgspec.Raw(document),
        updated_at=rfc3339(updated_at),
    )


async def _download(
    reader: Reader, scope: Scope, start: int, after: tuple[str, str], limit: int, prefix: str
) -> Page[Document]:
    rows = await _heads(reader, after, limit, prefix)
    items = [document_of(*row) for row in rows]
    if len(rows) < limit:
        return Page(items=items, next_cursor=encode_cursor(scope, start), has_more=reader.tail > start)
    last = rows[-1]
    return Page(items=items, next_cursor=encode_cursor(scope, start, last["tenant"], last["stream"]), has_more=True)


async def _heads(reader: Reader, after: tuple[str, str], limit: int, prefix: str) -> Sequence[Any]:
    arguments: list[Any] = [*after, limit, prefix]
    tenants = reader.tenants
    if tenants is None:
        rows = await reader.connection.fetch(STATEMENTS["download_everywhere"], *arguments)
    else:
        rows = await reader.connection.fetch(STATEMENTS["download_of_territory"], *arguments, tenants)
    return rows  # type: ignore[no-any-return]  # asyncpg carries no types


async def _follow(reader: Reader, scope: Scope, start: int, limit: int, prefix: str) -> Page[Document]:
    position = start
    for _ in range(_EMPTY_PAGES):
        rows = await _log_page(reader, position, limit, prefix)
        items = [document_of(*row[1:]) for row in rows if row["stream"] is not None]
        full = len(rows) == limit
        if rows:
            position = rows[-1]["position"]
        if items or not full:
            break
    return Page(items=items, next_cursor=encode_cursor(scope, position), has_more=full)


async def _log_page(reader: Reader, after: int, limit: int, prefix: str) -> Sequence[Any]:
    arguments: list[Any] = [after, limit, prefix]
    tenants = reader.tenants
    if tenants is None:
        rows = await reader.connection.fetch(STATEMENTS["changes_everywhere"], *arguments)
    else:
        rows = await reader.connection.fetch(STATEMENTS["changes_of_territory"], *arguments, tenants)
    return rows  # type: ignore[no-any-return]  # asyncpg carries no types
