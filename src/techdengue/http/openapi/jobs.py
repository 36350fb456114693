"""The calls about background jobs, as the document describes them."""

from typing import Final

from jobs.views import JobRun, JobsOverview
from techdengue.http.jobs import JobsQuery, JobStart

from . import examples_of_jobs as examples
from .operation import CALLED, LISTED, WITH_BODY, Operation

_OF_A_RUN: Final = ("run_not_found", *CALLED)

JOBS: Final = (
    Operation(
        name="jobs",
        method="get",
        path="/api/jobs",
        tag="people",
        summary="Runs of background jobs, queues and schedules",
        description="Runs of the token's municípios, the newest first; those of no município are seen with every "
        "município (`*`). Queues count what the caller may see.",
        problem_codes=LISTED,
        query=JobsQuery,
        answer=JobsOverview,
        answer_text="A page of runs, with all queues and schedules.",
        answer_examples={"page": examples.OVERVIEW},
    ),
    Operation(
        name="job_run",
        method="get",
        path="/api/jobs/{id}",
        tag="people",
        summary="One run: where it is, and what it did",
        problem_codes=_OF_A_RUN,
        path_examples={"id": examples.RUN_ID},
        answer=JobRun,
        answer_text="The run.",
        answer_examples={"ended": examples.RUN},
    ),
    Operation(
        name="job_start",
        method="post",
        path="/api/jobs/{id}",
        tag="people",
        summary="Start a job by hand; the id is the job's name",
        description="`arguments` are the job's own. A GESTOR starts the jobs that say so, in a município of the token: "
        "the reports. A run of no município is for all: it needs an ADMIN's token of `*`. "
        "The same `idempotency_key` of the same user starts one run.",
        problem_codes=("job_not_found", "forbidden_territory", "idempotency_key_reused", *WITH_BODY),
        path_examples={"id": "aggregate_sync_metrics"},
        body=JobStart,
        body_examples={
            "a job without arguments": {"idempotency_key": "start-1"},
            "a report": {"arguments": {"municipio_cod_ibge": "5103403", "atividade_id": "1"}},
        },
        status=202,
        answer=JobRun,
        answer_text="The run, queued.",
        answer_examples={"queued": examples.QUEUED},
    ),
    Operation(
        name="job_cancel",
        method="post",
        path="/api/jobs/{id}/cancel",
        tag="people",
        summary="Cancel a run",
        description="One that waits is cancelled at once; one at work ends within seconds, and what it did stays.",
        problem_codes=("run_ended", *_OF_A_RUN),
        path_examples={"id": examples.RUN_ID},
        status=202,
        answer=JobRun,
        answer_text="The run as it is now.",
        answer_examples={"asked": examples.QUEUED},
    ),
    Operation(
        name="job_retry",
        method="post",
        path="/api/jobs/{id}/retry",
        tag="people",
        summary="Try a dead letter or a cancelled run again",
        problem_codes=("run_not_retryable", *_OF_A_RUN),
        path_examples={"id": examples.RUN_ID},
        status=202,
        answer=JobRun,
        answer_text="The run, queued again with as many attempts as a new one.",
        answer_examples={"queued": examples.QUEUED},
    ),
)
