"""The projection `entity`: every entity in its newest state."""

from collections.abc import Sequence
from typing import Any, ClassVar

import asyncpg
import msgspec

from projections.naming import split_stream
from projections.replay import Step
from projections.sql_statements import in_schema

from .projection import changed_entities


class Entity:
    """One row an entity; its `data` is NULL when it is deleted."""

    name: ClassVar[str] = "entity"
    written_by_intake: ClassVar[bool] = False

    async def apply(self, connection: asyncpg.Connection, steps: Sequence[Step], schema: str) -> None:
        """Write the entities that got a new version."""
        rows = [_row(changes) for changes in changed_entities(steps)]
        if rows:
            await connection.execute(in_schema("upsert_entity", schema), rows)


def _row(changes: list[Step]) -> tuple[Any, ...]:
    first, last = changes[0].event, changes[-1].event
    shown = changes[-1].document
    return (
        last.tenant,
        *split_stream(last.stream),
        last.version,
        shown is None,
        None if shown is None else msgspec.json.encode(shown).decode(),
        first.occurred_at,
        first.actor,
        last.occurred_at,
        last.actor,
        last.writer,
    )
