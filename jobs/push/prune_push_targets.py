"""`prune_push_targets`: lets go of the targets of devices that nobody saw for 270 days, and of old deliveries."""

import datetime as dt
from typing import Final

from jobs.model import Counts, Job, NoArguments, Queue, RetryPolicy
from jobs.run import Run

from . import statements
from .deliveries import SEEN_WITHIN

DELIVERIES_KEPT: Final = dt.timedelta(days=180)
"""Long after the last retry of any run that could send them again."""


async def prune_push_targets(run: Run, _arguments: NoArguments) -> Counts:
    """Drop both; it may run at any time, and again."""
    now, pool = run.services.clock(), run.services.pool
    targets = await pool.fetch(statements.PRUNE_TARGETS, now - SEEN_WITHIN, now)
    status = await pool.execute(statements.PRUNE_DELIVERIES, now - DELIVERIES_KEPT)
    return {"targets": len(targets), "deliveries": int(status.rpartition(" ")[2])}


PRUNE_PUSH_TARGETS: Final = Job(
    name="prune_push_targets",
    queue=Queue.CLEANUP,
    arguments=NoArguments,
    handler=prune_push_targets,
    time_limit=dt.timedelta(minutes=10),
    retry=RetryPolicy(attempts=5, first=dt.timedelta(seconds=10), longest=dt.timedelta(minutes=10)),
    exclusive=True,
    summary="Drops push targets of devices that were not seen for 270 days, and deliveries of half a year ago.",
)
