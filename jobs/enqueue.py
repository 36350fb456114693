"""Queues a run, in the transaction of whatever it follows from."""

import contextvars
import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import msgspec
import uuid_utils

from .model import A, Job, Origin, Queue
from .statements import ENQUEUE

_QUEUED_INTO: contextvars.ContextVar[set[Queue] | None] = contextvars.ContextVar("queued_into", default=None)


async def enqueue(
    connection: "asyncpg.Connection[Any]",
    job: Job[A],
    arguments: A,
    *,
    key: str | None,
    origin: Origin,
    due_at: dt.datetime | None = None,
    requested_by: str | None = None,
    municipio: str | None = None,
) -> uuid.UUID:
    """Queue a run of `job`; answer its id, or that of the run which this job and key have already.

    It is there when the caller's transaction commits, and only then. The role is `techdengue_jobs`. After the commit
    `Dispatcher.hint([job.queue])` starts it at once, else a worker finds it within seconds; what a handler queues is
    hinted when the handler has ended.
    """
    values = (
        new_run_id(),
        job.name,
        job.queue.value,
        key,
        msgspec.json.encode(arguments).decode(),
        origin.value,
        job.retry.attempts,
        due_at,
        requested_by,
        municipio,
    )
    found = await connection.fetchval(ENQUEUE, *values)
    while found is None:  # the one of this key was committed after our statement began: it is visible to the next
        found = await connection.fetchval(ENQUEUE, *values)
    queued_into = _QUEUED_INTO.get()
    if queued_into is not None:
        queued_into.add(job.queue)
    return uuid.UUID(str(found))


def new_run_id() -> uuid_utils.UUID:
    """A UUIDv7 for the driver, made in a fifth of what one of Python's own takes: run ids are in the order of queueing,
    to the millisecond."""
    return uuid_utils.uuid7()


@contextmanager
def queues_used() -> Iterator[set[Queue]]:
    """The queues that runs were queued into within the context."""
    used: set[Queue] = set()
    token = _QUEUED_INTO.set(used)
    try:
        yield used
    finally:
        _QUEUED_INTO.reset(token)
