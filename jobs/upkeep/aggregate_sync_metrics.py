"""`aggregate_sync_metrics`: what was synced in every hour, counted from the log.

Hours are those of receipt, whole hours of UTC and therefore of Cuiaba too. The current hour is counted as far as it has
come, and each run counts anew every hour that was not over, with some time to spare, when the last one ran: the last
quarter of an hour counts like the others, and an operation is received some time before its commit.
"""

import datetime as dt
from typing import Any, Final

import msgspec

from jobs.model import Counts, Job, Queue, RetryPolicy
from jobs.run import Run

from . import statements

HOUR: Final = dt.timedelta(hours=1)
SETTLED_AFTER: Final = dt.timedelta(minutes=15)
"""After its end, an hour gets no more events: far longer than anything waits for its commit."""
_HOURS_AT_ONCE: Final = 24


class Since(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments: count anew from this time on; without it, from the first hour that is not counted for good."""

    since: dt.datetime | None = None


async def aggregate_sync_metrics(run: Run, arguments: Since) -> Counts:
    """Count what there is to count; a day at a time, each in a transaction of its own."""
    now = run.services.clock()
    end = _hour_of(now) + HOUR
    hours = rows = 0
    since = arguments.since
    while (counted := await _count(run.services.pool, now, end, since)) is not None:
        first, until, written = counted
        hours += (until - first) // HOUR
        rows += written
        if until == end:
            break
        since = None
        await run.progress(hours, hours + (end - until) // HOUR, rows=rows)
    return {"hours": hours, "rows": rows}


async def _count(
    pool: Any, now: dt.datetime, end: dt.datetime, since: dt.datetime | None
) -> tuple[dt.datetime, dt.datetime, int] | None:
    """Count some hours: the first, the one ended before, and how many rows changed; None where the log is empty."""
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(statements.BEGIN_HOURS, since)
        if row["first_hour"] is None:
            return None
        first = max(row["place"] or row["first_hour"], row["first_hour"])
        until = max(min(first + _HOURS_AT_ONCE * HOUR, end), first + HOUR)
        written = await connection.fetchval(statements.COUNT_HOURS, first, until)
        await connection.execute(statements.END_HOURS, max(first, min(until, _hour_of(now - SETTLED_AFTER))))
        return first, until, written


def _hour_of(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)


AGGREGATE_SYNC_METRICS: Final = Job(
    name="aggregate_sync_metrics",
    queue=Queue.REPORTS,
    arguments=Since,
    handler=aggregate_sync_metrics,
    time_limit=dt.timedelta(minutes=30),
    retry=RetryPolicy(attempts=5, first=dt.timedelta(seconds=10), longest=dt.timedelta(minutes=5)),
    exclusive=True,
    summary="Counts from the log what was synced in every hour.",
)
