"""Futures and figures: what a decided job is told, once it is on disk."""

import functools

from prometheus_client import Counter

from techdengue import telemetry
from techdengue.domain.times import to_rfc3339

from .decision import Decision
from .jobs import BatchJob, Job
from .model import Parked, Refusal, Success, SyncAnswer


def answer_batch(job: BatchJob, decision: Decision, now: int) -> None:
    """Answer a batch; `now` is the database's time, µs."""
    answers = decision.answers
    _count(decision)
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


def _count(decision: Decision) -> None:
    for told, operations in decision.tally.items():
        _operations(*told).inc(operations)
    for answer in decision.answers:
        if isinstance(answer, Parked):
            telemetry.SYNC_CONFLICTS.labels(answer.conflict_type.value, "manual").inc()
        elif isinstance(answer, Success) and answer.conflict_type and answer.strategy:
            telemetry.SYNC_CONFLICTS.labels(answer.conflict_type.value, answer.strategy.value).inc()


@functools.cache
def _operations(entity_type: str, operation: str, outcome: str) -> Counter:
    """The counter of one set of labels; all three come from closed sets."""
    return telemetry.SYNC_OPERATIONS.labels(entity_type, operation, outcome)
