"""The event store on PostgreSQL, through one connection that the caller owns, in whatever transaction it is in."""

from collections.abc import Sequence
from typing import Any, Final, cast

import asyncpg

from . import statements
from .errors import CheckpointMoved
from .model import Appended, AppendUnit, EventFilter, Head, RecordedEvent
from .stream_rows import StreamRow
from .units import append_rows

DATABASE_AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a statement that meets the server's farewell
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
"""What PostgreSQL and the driver raise when the database is away, starting, ending, full or too slow."""

_LAST_POSITION: Final = 2**63 - 1


class PostgresEventStore:
    """An EventStore over an asyncpg connection; every method is one statement and raises asyncpg's errors too.

    `append` holds its lane until the commit: call it outside a transaction, or commit at once.
    """

    def __init__(self, connection: asyncpg.Connection | asyncpg.pool.PoolConnectionProxy) -> None:
        self._connection = connection

    async def append(self, units: Sequence[AppendUnit], lane: int = 0) -> Appended:
        row = await self._connection.fetchrow(statements.APPEND, lane, *append_rows(units))
        return Appended(lane=lane, first_position=row["first_position"], moved=frozenset(row["moved"]))

    async def read_stream(
        self, tenant: str, stream: str, after: int = 0, up_to: int | None = None, limit: int | None = None
    ) -> list[RecordedEvent]:
        rows = await self._connection.fetch(statements.READ_STREAM, tenant, stream, after, up_to, limit)
        return [_event(row) for row in rows]

    async def read_streams(self, wanted: Sequence[tuple[str, str, int | None]]) -> list[RecordedEvent]:
        rows = await self._connection.fetch(
            statements.READ_STREAMS,
            [tenant for tenant, _, _ in wanted],
            [stream for _, stream, _ in wanted],
            [up_to for _, _, up_to in wanted],
        )
        return [_event(row) for row in rows]

    async def page_streams(self, after: tuple[str, str, int] | None, limit: int) -> Sequence[StreamRow]:
        rows: Any = await self._connection.fetch(statements.PAGE_STREAMS, *(after or ("", "", 0)), limit)
        return cast("Sequence[StreamRow]", rows)  # a row of the driver's is taken apart as a tuple is

    async def read_all(self, after: int, limit: int, lane: int = 0) -> list[RecordedEvent]:
        rows = await self._connection.fetch(statements.READ_ALL, lane, after, limit)
        return [_event(row) for row in rows]

    async def read_heads(self, wanted: Sequence[tuple[str, str]]) -> list[Head]:
        rows = await self._connection.fetch(
            statements.READ_HEADS, [tenant for tenant, _ in wanted], [stream for _, stream in wanted]
        )
        return [Head(*row) for row in rows]

    async def page_heads(
        self,
        after: tuple[str, str] | None,
        limit: int,
        tenants: Sequence[str] | None = None,
        stream_prefix: str | None = None,
    ) -> list[Head]:
        arguments: list[Any] = [*(after or ("", "")), limit, stream_prefix or ""]
        if tenants is None:
            rows = await self._connection.fetch(statements.PAGE_HEADS, *arguments)
        else:
            rows = await self._connection.fetch(statements.PAGE_HEADS_OF_TENANTS, *arguments, list(tenants))
        return [Head(*row) for row in rows]

    async def search(
        self, wanted: EventFilter, after: int | None, limit: int, *, descending: bool = False, lane: int = 0
    ) -> list[RecordedEvent]:
        if after is None:
            after = _LAST_POSITION if descending else 0
        arguments: list[Any] = [
            lane,
            after,
            limit,
            None if wanted.tenants is None else list(wanted.tenants),
            wanted.type_prefix,
            wanted.writer,
            wanted.actor,
            wanted.outcome,
            wanted.since,
            wanted.until,
        ]
        if wanted.stream is None:
            statement = statements.SEARCH_BACKWARD if descending else statements.SEARCH_FORWARD
        else:
            statement = statements.SEARCH_STREAM_BACKWARD if descending else statements.SEARCH_STREAM_FORWARD
            arguments.append(wanted.stream)
        return [_event(row) for row in await self._connection.fetch(statement, *arguments)]

    async def tail(self, lane: int = 0) -> int:
        return int(await self._connection.fetchval(statements.TAIL, lane))

    async def checkpoint(self, name: str) -> int:
        return int(await self._connection.fetchval(statements.CHECKPOINT, name))

    async def advance(self, name: str, expected: int, position: int) -> None:
        if await self._connection.fetchval(statements.ADVANCE, name, expected, position) is None:
            raise CheckpointMoved(name=name, expected=expected)


def _event(row: Any) -> RecordedEvent:
    """By place, not by name: lane and position stand first in a row and last in an event."""
    return RecordedEvent(*row[2:], *row[:2])
