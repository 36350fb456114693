"""Futures and figures: what a decided job is told, once it is on disk."""

from techdengue import telemetry
from techdengue.domain.times import to_rfc3339

from .decision import Decision
from .jobs import BatchJob, Job
from .model import Parked, Refusal, Success, SyncAnswer


def answer_batch(job: BatchJob, decision: Decision, now: int) -> None:
    """Answer a batch; `now` is the database's time, µs."""
    answers = decision.answers
    for answer in answers:
        _count(answer)
    telemetry.SYNC_BATCH_SIZE.observe(len(answers))
    if not job.future.done():
        job.future.set_result(
            SyncAnswer(
                batch_id=job.batch.batch_id,
                processed=len(answers),
                successes=[answer for answer in answers if isinstance(answer, Success)],
                conflicts=[answer for answer in answers if isinstance(answer, Parked)],
                errors=[answer for answer in answers if isinstance(answer, Refusal)],
                server_timestamp=to_rfc3339(now),
            )
        )


def fail(job: Job, error: BaseException) -> None:
    """Answer a job with an error, unless it has its answer or nobody waits any more."""
    if not job.future.done():
        job.future.set_exception(error)


def _count(answer: Success | Parked | Refusal) -> None:
    if isinstance(answer, Refusal):
        telemetry.SYNC_OPERATIONS.labels("unknown", "unknown", answer.code.value).inc()
        return
    status = "conflict" if isinstance(answer, Parked) else answer.status.value
    outcome = "already_processed" if answer.already_processed else status
    telemetry.SYNC_OPERATIONS.labels(answer.entity_type, answer.operation.value, outcome).inc()
    if isinstance(answer, Parked):
        telemetry.SYNC_CONFLICTS.labels(answer.conflict_type.value, "manual").inc()
    elif answer.conflict_type and answer.strategy:
        telemetry.SYNC_CONFLICTS.labels(answer.conflict_type.value, answer.strategy.value).inc()
