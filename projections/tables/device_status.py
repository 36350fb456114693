"""The projection `device_status`: what each device has in the log, by outcome and município."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import asyncpg

from projections.replay import Step
from projections.sql_statements import in_schema
from techdengue.domain.operation import Outcome


class DeviceStatus:
    """One row a device and município."""

    name: ClassVar[str] = "device_status"
    written_by_intake: ClassVar[bool] = False

    async def apply(self, connection: asyncpg.Connection, steps: Sequence[Step], schema: str) -> None:
        """Count the events of each device."""
        found: dict[tuple[str, str], list[Step]] = {}
        for step in steps:
            found.setdefault((step.event.writer, step.event.tenant), []).append(step)
        if found:
            rows = [_row(of_device) for of_device in found.values()]
            await connection.execute(in_schema("add_device_status", schema), rows)


def _row(steps: list[Step]) -> tuple[Any, ...]:
    last = steps[-1].event
    outcomes = Counter(step.verdict.outcome for step in steps)
    return (
        last.writer,
        last.tenant,
        last.actor,
        *(outcomes[outcome] for outcome in Outcome),
        last.position,
        max(step.event.recorded_at for step in steps),
        max(step.event.occurred_at for step in steps),
    )
