"""What readers ask of runs: under row-level security, so of the municípios that are set; `*` sees all."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from projections.cursor import decode_cursor, encode_cursor
from projections.errors import CursorFromElsewhere
from projections.naming import rfc3339
from projections.queries.territory import Reader

from .model import AnyJob, Origin, Queue, Status
from .schedule import SCHEDULE, describe, following
from .statements import DEPTHS, LIST_RUNS, READ_RUN, READ_SCHEDULES
from .views import JobRun, JobSchedule, JobsOverview, QueueDepth


class RunsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs; None means any."""

    queue: Queue | None = None
    job: str | None = None
    status: Status | None = None
    municipio: str | None = None


async def overview(
    reader: Reader, jobs: Mapping[str, AnyJob], wanted: RunsWanted, *, cursor: str | None = None, limit: int = 100
) -> JobsOverview:
    """Runs, the newest first, with queues and the schedules of `jobs`. Raises CursorFromElsewhere."""
    scope = reader.scope("jobs", wanted.queue, wanted.job, wanted.status, wanted.municipio)
    before = None if cursor is None else _run_id(*decode_cursor(scope, cursor, (str,)))
    rows = await reader.connection.fetch(
        LIST_RUNS,
        wanted.queue,
        wanted.job,
        wanted.status,
        wanted.municipio,
        before,
        limit + 1,
    )
    shown, has_more = rows[:limit], len(rows) > limit
    return JobsOverview(
        items=[_run(row) for row in shown],
        next_cursor=encode_cursor(scope, str(shown[-1]["run_id"])) if has_more else None,
        has_more=has_more,
        queues=[_depth(row) for row in await reader.connection.fetch(DEPTHS, [queue.value for queue in Queue])],
        schedules=await _schedules(reader, jobs),
    )


async def read_run(reader: Reader, run_id: uuid.UUID) -> JobRun | None:
    """One run; None when there is no such one to be seen."""
    row = await reader.connection.fetchrow(READ_RUN, run_id)
    return None if row is None else _run(row)


async def _schedules(reader: Reader, jobs: Mapping[str, AnyJob]) -> list[JobSchedule]:
    rows = await reader.connection.fetch(READ_SCHEDULES, list(SCHEDULE))
    return [_schedule(jobs[row["job"]], row) for row in rows if row["job"] in jobs]


def _schedule(job: AnyJob, row: Any) -> JobSchedule:
    times = SCHEDULE[job.name].times
    return JobSchedule(
        job=job.name,
        queue=job.queue,
        summary=job.summary,
        times=describe(times),
        last_due_at=_time(row["last_due_at"]),
        last_success_at=_time(row["last_success_at"]),
        last_success=None if row["last_success"] is None else str(row["last_success"]),
        next_due_at=rfc3339(following(times, row["now"])),
    )


def _run(row: Any) -> JobRun:
    return JobRun(
        run_id=str(row["run_id"]),
        job=row["job"],
        queue=Queue(row["queue"]),
        status=Status(row["status"]),
        origin=Origin(row["origin"]),
        requested_by=row["requested_by"],
        municipio_cod_ibge=row["municipio_cod_ibge"],
        arguments=msgspec.json.decode(row["arguments"]),
        attempts=row["attempts"],
        max_attempts=row["max_attempts"],
        due_at=rfc3339(row["due_at"]),
        next_at=rfc3339(row["next_at"]),
        queued_at=rfc3339(row["queued_at"]),
        started_at=_time(row["started_at"]),
        finished_at=_time(row["finished_at"]),
        worker=row["worker"],
        error=row["error"],
        counts=msgspec.json.decode(row["counts"]),
        progress=None if row["progress"] is None else msgspec.json.decode(row["progress"]),
        cancel_requested=row["cancel_requested"],
    )


def _depth(row: Any) -> QueueDepth:
    return QueueDepth(
        queue=Queue(row["queue"]),
        due=row["due"],
        waiting=row["waiting"],
        running=row["running"],
        failed=row["failed"],
        oldest_seconds=round(row["oldest_seconds"], 3),
        workers=row["workers"],
    )


def _time(moment: dt.datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _run_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise CursorFromElsewhere from error
