"""The one wrapper around every job: its time limit, its lock, its log context, its metrics, and how its attempt ends.

succeeded    the handler answered its counts
retried      it raised, ran out of time, or its lock was held, and has attempts left
failed       it raised Permanent, or had its last attempt: a dead letter
cancelled    somebody asked for it
handed_back  the worker is stopping, or the lock of an exclusive job was held: the attempt does not count
lost         the run is another worker's by now: nothing is recorded, for that worker will
"""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any, Final

import asyncpg
import msgspec
import structlog
from structlog.contextvars import bound_contextvars

from eventstore import DATABASE_AWAY
from techdengue import telemetry

from .claims import Claimed, Ending, settle
from .errors import Cancelled, JobError, LeaseLost, Permanent, Transient
from .model import AnyJob, Counts, Status
from .run import Run
from .services import JobServices
from .statements import TRY_LOCK, UNLOCK

_LOCKED_AGAIN_IN: Final = dt.timedelta(seconds=5)
_SETTLE_ATTEMPTS: Final = 5
_SETTLE_PAUSE_SECONDS: Final = 0.5
_ACQUIRE_SECONDS: Final = 10.0
_LONGEST_ERROR: Final = 300

log = structlog.get_logger(__name__)


class Stopping(JobError):
    """The worker ends: the run is for another one."""


class TimeLimit(JobError):
    """An attempt took longer than its job may."""


class _Locked(JobError):
    """Another run of an exclusive job is at work."""


def run_of(claimed: Claimed, services: JobServices, worker: str) -> Run:
    """What the handler of a claimed run is given."""
    return Run(
        run_id=claimed.run_id,
        attempt=claimed.attempt,
        due_at=claimed.due_at,
        requested_by=claimed.requested_by,
        municipio=claimed.municipio,
        services=services,
        worker=worker,
    )


async def execute(claimed: Claimed, job: AnyJob, run: Run) -> Ending:
    """Run one attempt and record how it ended; raises only what cancels it from outside for no reason of the run's."""
    with bound_contextvars(run_id=str(claimed.run_id), job=job.name, attempt=claimed.attempt):
        log.info("job_started", waited_seconds=round(claimed.waited.total_seconds(), 3))
        telemetry.JOB_START_DELAY.labels(claimed.queue.value).observe(max(0.0, claimed.waited.total_seconds()))
        started = time.perf_counter()
        ending = await _attempt(claimed, job, run)
        seconds = time.perf_counter() - started
        ending = await _record(claimed, run, ending)
        telemetry.JOB_RUNS.labels(claimed.queue.value, job.name, ending.outcome).inc()
        telemetry.JOB_DURATION.labels(claimed.queue.value, job.name).observe(seconds)
        log.info(f"job_{ending.outcome}", seconds=round(seconds, 3), **_told(ending))
        return ending


async def _attempt(claimed: Claimed, job: AnyJob, run: Run) -> Ending:
    try:
        arguments = msgspec.json.decode(claimed.arguments, type=job.arguments)
        async with _alone(job, run):
            counts = await _within(job.time_limit, _work(job, run, arguments))
        return Ending(outcome="succeeded", status=Status.SUCCEEDED, counts=dict(counts))
    except asyncio.CancelledError:
        if run.ending is None:
            raise
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        return _ending(claimed, job, run.ending)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises ends its attempt, never its worker
        return _ending(claimed, job, run.ending or error)


async def _within(limit: dt.timedelta, work: Coroutine[Any, Any, Counts]) -> Counts:
    clock = asyncio.timeout(limit.total_seconds())
    try:
        async with clock:
            return await work
    except TimeoutError as error:
        if not clock.expired():  # something that it waited for
            raise
        raise TimeLimit(f"it took longer than {limit.total_seconds():.0f} s") from error


async def _work(job: AnyJob, run: Run, arguments: Any) -> Counts:
    if run.ending is not None:
        raise run.ending
    run.at_work = True
    try:
        counts: Counts = await job.handler(run, arguments)
        return counts
    finally:
        run.at_work = False


def _ending(claimed: Claimed, job: AnyJob, error: Exception) -> Ending:
    match error:
        case Cancelled():
            return Ending(outcome="cancelled", status=Status.CANCELLED)
        case LeaseLost():
            return Ending(outcome="lost", status=Status.QUEUED)
        case Stopping():
            return Ending(outcome="handed_back", status=Status.QUEUED, given_back=True)
        case _Locked():
            return Ending(outcome="handed_back", status=Status.QUEUED, given_back=True, again_in=_LOCKED_AGAIN_IN)
        case Permanent():
            return Ending(outcome="failed", status=Status.FAILED, error=_short(error))
        case msgspec.ValidationError():
            return Ending(outcome="failed", status=Status.FAILED, error="ArgumentsRefused: not what the job takes")
        case Transient() | TimeLimit():
            return _again(claimed, job, error)
        case _:
            log.error("job_raised", exc_info=error)
            return _again(claimed, job, error)


def _again(claimed: Claimed, job: AnyJob, error: Exception) -> Ending:
    if claimed.attempt >= claimed.max_attempts:
        return Ending(outcome="failed", status=Status.FAILED, error=_short(error))
    pause = job.retry.pause(claimed.attempt)
    if isinstance(error, Transient) and error.retry_after is not None:
        pause += error.retry_after  # together with the jitter: others were told the same
    return Ending(outcome="retried", status=Status.QUEUED, again_in=pause, error=_short(error))


def _short(error: Exception) -> str:
    """What is stored of an error: its type, its message where that is ours, and PostgreSQL's code."""
    match error:
        case JobError():
            return f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
        case asyncpg.PostgresError():
            return f"{type(error).__name__} (SQLSTATE {error.sqlstate})"
        case _:
            return type(error).__name__


async def _record(claimed: Claimed, run: Run, ending: Ending) -> Ending:
    """Settle the run, trying again while the database is away; then its lease ends, and another worker repeats it."""
    if ending.outcome == "lost":
        return ending
    for attempt in range(_SETTLE_ATTEMPTS):
        try:
            status = await settle(run.services.pool, claimed, run.worker, ending)
        except (*DATABASE_AWAY, TimeoutError) as error:
            log.warning("job_not_settled", error=type(error).__name__)
            await asyncio.sleep(_SETTLE_PAUSE_SECONDS * 2**attempt)
        else:
            return _as_recorded(ending, status)
    return Ending(outcome="lost", status=Status.QUEUED)


def _as_recorded(ending: Ending, status: Status | None) -> Ending:
    if status is None:
        return Ending(outcome="lost", status=Status.QUEUED)
    if status is Status.CANCELLED and ending.status is Status.QUEUED:
        return Ending(outcome="cancelled", status=Status.CANCELLED)
    return ending


def _told(ending: Ending) -> Mapping[str, Any]:
    told: dict[str, Any] = {"error": ending.error} if ending.error else {}
    if ending.counts:
        told["counts"] = dict(ending.counts)
    if ending.outcome == "retried":
        told["again_in_seconds"] = round(ending.again_in.total_seconds(), 1)
    return told


@contextlib.asynccontextmanager
async def _alone(job: AnyJob, run: Run) -> AsyncIterator[None]:
    """Hold the job's lock, where it wants one; of a session, so it goes with a worker that is killed."""
    if not job.exclusive:
        yield
        return
    async with run.services.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
        if not await connection.fetchval(TRY_LOCK, job.name):
            raise _Locked("another run of it is at work")
        try:
            yield
        finally:
            await connection.execute(UNLOCK, job.name)
