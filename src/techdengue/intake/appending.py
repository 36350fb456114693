"""The one write of a group: units, conflicts and the request log, in one statement (sql/append.sql)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from asyncpg import Connection

from eventstore import AppendUnit
from eventstore.units import Rows, append_rows
from techdengue.domain.operation import Outcome
from techdengue.domain.times import from_micros

from .decision import Decision, Opened, Settled, Verified
from .jobs import BatchJob
from .snapshot import Believed
from .statements import APPEND
from .tally import ALREADY_PROCESSED, UNKNOWN
from .units import Decided

_LANE = 0
_REFUSED = "refused"
_COUNTED = (
    Outcome.APPLIED.value,
    Outcome.CLIENT_APPLIED.value,
    Outcome.MERGED.value,
    Outcome.SERVER_KEPT.value,
    Outcome.NO_CHANGE.value,
    Outcome.CONFLICT.value,
    ALREADY_PROCESSED,
    _REFUSED,
)


async def append(
    connection: Connection,
    units: Sequence[AppendUnit],
    decided: Sequence[Decided],
    numbers: Sequence[int],
    believed: Believed,
) -> tuple[int, frozenset[int]] | None:
    """Append; `numbers` holds each job's unit.

    Answers the first position of what was written, and the units that were not: their heads or clocks had moved on.
    None where something that was believed does not hold: then nothing was written.
    """
    rows = append_rows(units), companion_rows(decided, numbers)
    row = await connection.fetchrow(APPEND, _LANE, *rows[0], *rows[1], *believed.columns())
    return None if row is None else (row["first_position"], frozenset(row["moved"]))


def companion_rows(
    decided: Sequence[Decided], numbers: Sequence[int]
) -> tuple[Rows, Rows, Rows, Rows, Rows, Sequence[str | None]]:
    """What sql/append.sql writes beside the log: conflicts opened and settled, requests, runs, files verified, and the
    requests' addresses."""
    numbered = [(unit, job, decision) for (job, decision), unit in zip(decided, numbers, strict=True)]
    return (
        [_opened(unit, opened) for unit, _, decision in numbered for opened in decision.opened],
        [_settled(unit, settled) for unit, _, decision in numbered for settled in decision.settled],
        [_request(unit, job, decision) for unit, job, decision in numbered if isinstance(job, BatchJob)],
        [following.row(unit) for unit, _, decision in numbered for following in decision.following],
        [_verified(unit, verified) for unit, _, decision in numbered for verified in decision.verified],
        [job.batch.address for job, _ in decided if isinstance(job, BatchJob)],
    )


def _opened(unit: int, opened: Opened) -> tuple[Any, ...]:
    return (
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


def _settled(unit: int, settled: Settled) -> tuple[Any, ...]:
    return (
        unit,
        settled.conflict_id,
        settled.event.sequence,
        settled.choice,
        settled.event.actor,
        settled.event.recorded_at,
        settled.note,
    )


def _verified(unit: int, verified: Verified) -> tuple[Any, ...]:
    return (
        unit,
        verified.municipio,
        verified.evidencia_id,
        verified.object_key,
        verified.sniffed_type,
        verified.verified_by,
        verified.verified_at,
    )


def _request(unit: int, job: BatchJob, decision: Decision) -> tuple[Any, ...]:
    counts: Counter[str] = Counter()
    codes: set[str] = set()
    for (entity_type, _, became), operations in decision.tally.items():
        if entity_type == UNKNOWN:
            codes.add(became)
            became = _REFUSED
        counts[became] += operations
    sent_at = job.batch.sent_at
    return (
        unit,
        job.device,
        job.caller.user,
        job.batch.batch_id,
        from_micros(job.received_at),
        None if sent_at is None else job.received_at - sent_at,
        len(decision.answers),
        *(counts[name] for name in _COUNTED),
        sorted(codes),
        sorted({tenant for tenant, _ in decision.places}),
    )
