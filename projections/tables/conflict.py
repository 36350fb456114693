"""The projection `conflict`: parked operations, open and settled. The intake writes it with its events."""

from collections.abc import Sequence
from typing import Any, ClassVar

import asyncpg
from msgspec import UNSET

from projections.naming import conflict_id, split_stream
from projections.replay import Step
from projections.sql_statements import in_schema
from techdengue.domain.operation import Outcome
from techdengue.resolver import Settlement

from .projection import columns


class Conflict:
    """One row a parked operation. Times are those of receipt."""

    name: ClassVar[str] = "conflict"
    written_by_intake: ClassVar[bool] = True

    async def apply(self, connection: asyncpg.Connection, steps: Sequence[Step], schema: str) -> None:
        """Open and settle conflicts."""
        opened = [_opened(step) for step in steps if step.verdict.outcome is Outcome.CONFLICT]
        if opened:
            await connection.execute(in_schema("open_conflict", schema), *columns(opened))
        settled = [_settled(step, step.operation) for step in steps if isinstance(step.operation, Settlement)]
        if settled:
            await connection.execute(in_schema("settle_conflict", schema), *columns(settled))


def _opened(step: Step) -> tuple[Any, ...]:
    event = step.event
    conflict_type, strategy = step.verdict.conflict_type, step.payload.strategy
    return (
        conflict_id(event.tenant, event.writer, event.key),
        event.tenant,
        *split_stream(event.stream),
        event.stream,
        event.sequence,
        None if conflict_type is None else conflict_type.value,
        None if strategy is UNSET else strategy.value,
        event.writer,
        event.actor,
        event.recorded_at,
    )


def _settled(step: Step, settlement: Settlement) -> tuple[Any, ...]:
    event, parked, note = step.event, settlement.parked, step.payload.note
    return (
        conflict_id(event.tenant, parked.device, parked.key),
        event.sequence,
        settlement.choice.value,
        event.actor,
        event.recorded_at,
        None if note is UNSET else note,
    )
