"""Taking runs from the table and giving them back: the statements of a worker, with what they answer."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from typing import Any

import asyncpg
import msgspec

from .model import Queue, Status
from .statements import CLAIM, SETTLE


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A run that this worker has for one attempt. `arguments` is JSON."""

    run_id: uuid.UUID
    job: str
    queue: Queue
    arguments: str
    attempt: int
    max_attempts: int
    due_at: dt.datetime
    waited: dt.timedelta
    """Between the time from which it could start, and its start."""
    requested_by: str | None
    municipio: str | None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended. `outcome` is what metrics and logs call it."""

    outcome: str
    status: Status
    again_in: dt.timedelta = dt.timedelta(0)
    given_back: bool = False
    """Whether the attempt does not count: it was not the run's own doing that it ended."""
    error: str | None = None
    counts: Mapping[str, int] = {}


async def claim(
    connection: "asyncpg.Connection[Any] | asyncpg.Pool[Any]",
    queue: Queue,
    known: Collection[str],
    most: int,
    worker: str,
) -> list[Claimed]:
    """At most so many due runs of jobs that are `known`, oldest first."""
    rows = await connection.fetch(CLAIM, queue.value, list(known), most, worker)
    return sorted(map(_claimed, rows), key=lambda claimed: (claimed.due_at, claimed.run_id))


async def settle(
    connection: "asyncpg.Connection[Any] | asyncpg.Pool[Any]", claimed: Claimed, worker: str, ending: Ending
) -> Status | None:
    """Record how the attempt ended; answer the run's status now, None when the run is not this worker's any more."""
    status = await connection.fetchval(
        SETTLE,
        claimed.run_id,
        worker,
        claimed.attempt,
        ending.status.value,
        ending.again_in,
        int(ending.given_back),
        ending.error,
        msgspec.json.encode(ending.counts).decode(),
    )
    return None if status is None else Status(status)


def _claimed(row: Any) -> Claimed:
    return Claimed(
        run_id=uuid.UUID(str(row["run_id"])),
        job=row["job"],
        queue=Queue(row["queue"]),
        arguments=row["arguments"],
        attempt=row["attempts"],
        max_attempts=row["max_attempts"],
        due_at=row["due_at"],
        waited=row["started_at"] - row["next_at"],
        requested_by=row["requested_by"],
        municipio=row["municipio_cod_ibge"],
    )
