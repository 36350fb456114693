"""What a projection is: a table, and what a piece of the log does to it."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Protocol

import asyncpg
import msgspec

from projections.replay import Step
from techdengue.resolver import document


class Projection(Protocol):
    """A table of this name, kept as the log says.

    `apply` is called with pieces of the log in order, each once, in the transaction that moves the checkpoint. What
    it writes depends on the events alone, never on how they were cut into pieces.
    """

    name: ClassVar[str]
    written_by_intake: ClassVar[bool]
    """Its rows are written with the events themselves; it is only rebuilt and verified here."""

    async def apply(self, connection: asyncpg.Connection, steps: Sequence[Step], schema: str) -> None:
        """Bring the table in `schema` from before the first step to after the last."""


def changed_entities(steps: Iterable[Step], entity_type: str | None = None) -> list[list[Step]]:
    """The steps that made new versions, entity by entity, in order; of one type or of all."""
    prefix = "" if entity_type is None else f"{entity_type}/"
    found: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        if step.changed and step.event.stream.startswith(prefix):
            found.setdefault((step.event.tenant, step.event.stream), []).append(step)
    return list(found.values())


def last_document(step: Step) -> dict[str, Any]:
    """The document after a step; of a deleted entity, the one that stays under its tombstone."""
    if step.document is not None:
        return step.document
    return document(msgspec.structs.replace(step.after, tombstone=None)) or {}


def columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows as the arrays that `unnest` wants."""
    return [list(column) for column in zip(*rows, strict=True)]
