"""The one write of a group: units, conflicts and the request log, in one statement (sql/append.sql)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from asyncpg import Connection

from eventstore import AppendUnit
from eventstore.units import append_arguments
from techdengue.domain.operation import Outcome
from techdengue.domain.times import from_micros

from .jobs import BatchJob
from .model import Parked, Refusal
from .statements import APPEND
from .units import Decided

_LANE = 0
_COUNTED = (
    Outcome.APPLIED.value,
    Outcome.CLIENT_APPLIED.value,
    Outcome.MERGED.value,
    Outcome.SERVER_KEPT.value,
    Outcome.NO_CHANGE.value,
    Outcome.CONFLICT.value,
    "already_processed",
    "refused",
)


async def append(
    connection: Connection, units: Sequence[AppendUnit], decided: Sequence[Decided], numbers: Sequence[int]
) -> tuple[int, frozenset[int]]:
    """Append; `numbers` holds each job's unit.

    Answers the first position of what was written, and the units that were not: their heads or clocks had moved on.
    """
    row = await connection.fetchrow(APPEND, _LANE, *append_arguments(units), *companion_arguments(decided, numbers))
    return row["first_position"], frozenset(row["moved"])


def companion_arguments(decided: Sequence[Decided], numbers: Sequence[int]) -> list[list[Any]]:
    """What sql/append.sql writes beside the log, in its order: conflicts opened, conflicts settled, requests."""
    return [*_opened(decided, numbers), *_settled(decided, numbers), *_requests(decided, numbers)]


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[column] for row in rows] for column in range(width)]


def _opened(decided: Sequence[Decided], numbers: Sequence[int]) -> list[list[Any]]:
    rows = [
        (
            unit,
            opened.conflict_id,
            opened.event.tenant,
            opened.entity_type,
            opened.entity_id,
            opened.event.stream,
            opened.event.sequence,
            opened.conflict_type,
            opened.strategy,
            opened.event.writer,
            opened.event.actor,
            opened.event.recorded_at,
        )
        for (_, decision), unit in zip(decided, numbers, strict=True)
        for opened in decision.opened
    ]
    return _columns(rows, 12)


def _settled(decided: Sequence[Decided], numbers: Sequence[int]) -> list[list[Any]]:
    rows = [
        (
            unit,
            settled.conflict_id,
            settled.event.sequence,
            settled.choice,
            settled.event.actor,
            settled.event.recorded_at,
            settled.note,
        )
        for (_, decision), unit in zip(decided, numbers, strict=True)
        for settled in decision.settled
    ]
    return _columns(rows, 7)


def _requests(decided: Sequence[Decided], numbers: Sequence[int]) -> list[list[Any]]:
    rows = [
        _request(job, decision.answers, {tenant for tenant, _ in decision.places}, unit)
        for (job, decision), unit in zip(decided, numbers, strict=True)
        if isinstance(job, BatchJob)
    ]
    return _columns(rows, 17)


def _request(job: BatchJob, answers: Sequence[Any], municipios: set[str], unit: int) -> tuple[Any, ...]:
    counts = Counter(_counted_as(answer) for answer in answers)
    codes = sorted({answer.code.value for answer in answers if isinstance(answer, Refusal)})
    sent_at = job.batch.sent_at
    return (
        unit,
        job.device,
        job.caller.user,
        job.batch.batch_id,
        from_micros(job.received_at),
        None if sent_at is None else job.received_at - sent_at,
        len(answers),
        *(counts[name] for name in _COUNTED),
        ",".join(codes),
        ",".join(sorted(municipios)),
    )


def _counted_as(answer: Any) -> str:
    if isinstance(answer, Refusal):
        return "refused"
    if answer.already_processed:
        return "already_processed"
    return Outcome.CONFLICT.value if isinstance(answer, Parked) else str(answer.status.value)
