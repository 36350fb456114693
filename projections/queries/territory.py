"""The one way to the readers' queries: a transaction in which row-level security knows the caller's municípios."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import msgspec

from projections.cursor import Scope
from projections.sql_statements import STATEMENTS

_EVERYWHERE = "*"


class Reader(msgspec.Struct, frozen=True):
    """A connection on which a territory is set; every query of this package wants one.

    `log` is the identity of the log, `tail` its last position when the transaction began.
    """

    connection: asyncpg.Connection
    municipios: frozenset[str]
    log: str
    tail: int

    @property
    def tenants(self) -> list[str] | None:
        """The municípios by code, or None for all of them."""
        return None if _EVERYWHERE in self.municipios else sorted(self.municipios)

    def scope(self, endpoint: str, *filters: str | None) -> Scope:
        """What a cursor of this list, with these filters, belongs to."""
        return Scope(endpoint, self.log, self.municipios, filters)


@asynccontextmanager
async def territory(connection: asyncpg.Connection, municipios: frozenset[str]) -> AsyncIterator[Reader]:
    """A read-only transaction that sees just these municípios (`{"*"}`: all, the empty set: none)."""
    named = _EVERYWHERE if _EVERYWHERE in municipios else ",".join(sorted(municipios))
    async with connection.transaction(readonly=True):
        row = await connection.fetchrow(STATEMENTS["open_territory"], named)
        yield Reader(connection, municipios, row["log"], row["tail"])
