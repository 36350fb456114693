"""Whose devices these are: a device belongs to the user who first registers it, or first syncs with it."""

from collections.abc import Mapping, Sequence

from asyncpg import Connection

from .jobs import BatchJob, Job
from .statements import REGISTER_DEVICES


async def owners_of(connection: Connection, jobs: Sequence[Job], owners: Mapping[str, str]) -> dict[str, str]:
    """The owner of each batch's device; one that nobody owns is registered to its caller."""
    known = dict(owners)
    unowned = {job.device: job.caller.user for job in jobs if isinstance(job, BatchJob) and job.device not in known}
    if unowned:
        rows = await connection.fetch(REGISTER_DEVICES, list(unowned), list(unowned.values()))
        known.update((row["device_id"], row["owner"]) for row in rows)
    return known
