"""`vacuum_database`: vacuums and analyzes every table of ours, and says what that gave back.

VACUUM runs in no transaction and in no function, so no right can be lent for it: PostgreSQL 17 and newer have one of
their own (MAINTAIN), which the migrations grant; older ones need a login that owns the tables, in a setting that only
this job reads. A table that somebody else has locked, as a rebuild does, is left for the next time.
"""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import structlog

from jobs.errors import Permanent
from jobs.model import Counts, Job, NoArguments, Queue, RetryPolicy
from jobs.run import Run

from . import statements

_LIMIT: Final = dt.timedelta(hours=3)
_CONNECT_SECONDS: Final = 10.0
_log = structlog.get_logger(__name__)


async def vacuum_database(run: Run, _arguments: NoArguments) -> Counts:
    """Vacuum one table after the other, the one with the most dead rows first. Raises Permanent where it may none."""
    async with _connection(run) as connection:
        tables = [table for table in await connection.fetch(statements.FIND_TABLES) if table["permitted"]]
        if not tables:
            raise Permanent("this role may vacuum no table: before PostgreSQL 17, TECHDENGUE_MAINTENANCE_DATABASE_URL")
        await connection.execute(statements.GO_GENTLY)
        returned = locked = 0
        for done, table in enumerate(tables, start=1):
            freed = await _vacuum(connection, table)
            locked += freed is None
            returned += freed or 0
            await run.progress(done, len(tables), locked=locked)
        dead = {table["oid"]: table["dead_rows"] for table in await connection.fetch(statements.FIND_TABLES)}
    removed = sum(table["dead_rows"] - dead.get(table["oid"], 0) for table in tables)
    return {"tables": len(tables), "locked": locked, "dead_rows_removed": removed, "bytes_returned": returned}


async def _vacuum(connection: Any, table: Any) -> int | None:
    """Vacuum a table: how many bytes smaller it is (one that grew by its maps: 0); None where it is locked, or gone."""
    try:
        before = await connection.fetchval(statements.MEASURE_TABLE, table["oid"])
        await connection.execute(table["statement"], timeout=_LIMIT.total_seconds())
        return max(0, int(before - await connection.fetchval(statements.MEASURE_TABLE, table["oid"])))
    except (asyncpg.LockNotAvailableError, asyncpg.UndefinedTableError):
        _log.info("table_not_vacuumed", table=table["name"])
        return None


@contextlib.asynccontextmanager
async def _connection(run: Run) -> AsyncIterator[Any]:
    """A session that may vacuum; in no transaction."""
    url = run.services.settings.maintenance_database_url
    if not url:
        async with run.services.pool.acquire() as pooled:
            yield pooled
        return
    connection = await asyncpg.connect(url, timeout=_CONNECT_SECONDS)
    try:
        yield connection
    finally:
        await connection.close(timeout=_CONNECT_SECONDS)


VACUUM_DATABASE: Final = Job(
    name="vacuum_database",
    queue=Queue.CLEANUP,
    arguments=NoArguments,
    handler=vacuum_database,
    time_limit=_LIMIT,
    retry=RetryPolicy(attempts=3, first=dt.timedelta(minutes=5), longest=dt.timedelta(hours=1)),
    exclusive=True,
    summary="Vacuums and analyzes the tables, and says what that gave back.",
)
