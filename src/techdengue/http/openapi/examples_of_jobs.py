"""Examples of background jobs, as structs: the document shows them, a test holds them to their schemas."""

from typing import Final

from jobs import Origin, Queue, Status
from jobs.views import JobRun, JobSchedule, JobsOverview, QueueDepth

RUN_ID: Final = "019ac1d4-2f5e-7c31-9a83-6f0e8c2b71d5"
_QUEUED: Final = "2024-01-15T18:02:11.204817Z"
RUN: Final = JobRun(
    run_id=RUN_ID,
    job="auto_generate_evd01",
    queue=Queue.REPORTS,
    status=Status.SUCCEEDED,
    origin=Origin.COMMIT,
    requested_by="maria",
    municipio_cod_ibge="5103403",
    arguments={"municipio_cod_ibge": "5103403", "atividade_id": "1"},
    attempts=1,
    max_attempts=10,
    due_at=_QUEUED,
    next_at=_QUEUED,
    queued_at=_QUEUED,
    started_at="2024-01-15T18:02:11.311204Z",
    finished_at="2024-01-15T18:02:12.870031Z",
    worker="reports-1:4711:9f2c1a7b",
    error=None,
    counts={"leaves": 3},
    progress={"done": 3, "total": 3},
    cancel_requested=False,
)
QUEUED: Final = JobRun(
    run_id=RUN_ID,
    job="aggregate_sync_metrics",
    queue=Queue.REPORTS,
    status=Status.QUEUED,
    origin=Origin.REQUEST,
    requested_by="admin",
    municipio_cod_ibge=None,
    arguments={},
    attempts=0,
    max_attempts=5,
    due_at=_QUEUED,
    next_at=_QUEUED,
    queued_at=_QUEUED,
    started_at=None,
    finished_at=None,
    worker=None,
    error=None,
    counts={},
    progress=None,
    cancel_requested=False,
)
OVERVIEW: Final = JobsOverview(
    items=[RUN],
    next_cursor=None,
    has_more=False,
    queues=[
        QueueDepth(queue=Queue.REPORTS, due=0, waiting=1, running=2, failed=0, oldest_seconds=0.0, workers=1),
    ],
    schedules=[
        JobSchedule(
            job="aggregate_sync_metrics",
            queue=Queue.REPORTS,
            summary="Counts what devices sent, hour by hour.",
            times="every 15 min",
            last_due_at="2024-01-15T18:00:00.000000Z",
            last_success_at="2024-01-15T18:00:00.912004Z",
            last_success=RUN_ID,
            next_due_at="2024-01-15T18:15:00.000000Z",
        ),
    ],
)
