"""The projection `evidencia`: evidence with typed columns, for reports."""

from collections.abc import Sequence
from typing import Any, ClassVar

import asyncpg

from projections.naming import split_stream
from projections.replay import Step
from projections.sql_statements import in_schema
from techdengue.domain.evidencia import EVIDENCIA
from techdengue.domain.municipios import MUNICIPIOS

from .atividade import first_status
from .projection import changed_entities, last_document
from .reading import Fields

_COMPLETE = frozenset({"CONCLUIDA"})


class Evidencia:
    """One row a piece of evidence; a deleted one keeps its last values."""

    name: ClassVar[str] = "evidencia"
    written_by_intake: ClassVar[bool] = False

    async def apply(self, connection: asyncpg.Connection, steps: Sequence[Step], schema: str) -> None:
        """Write the evidence that got a new version."""
        rows = [_row(changes) for changes in changed_entities(steps, self.name)]
        if rows:
            await connection.execute(in_schema("upsert_evidencia", schema), rows)


def _row(changes: list[Step]) -> tuple[Any, ...]:
    first, last = changes[0].event, changes[-1].event
    fields = Fields(last_document(changes[-1]), EVIDENCIA)
    return (
        last.tenant,
        split_stream(last.stream)[1],
        last.version,
        changes[-1].document is None,
        MUNICIPIOS.get(last.tenant),
        fields.identifier("atividade_id"),
        fields.text("tipo"),
        fields.text("status"),
        fields.text("hash_sha256"),
        fields.integer("tamanho_bytes"),
        fields.text("content_type"),
        fields.text("descricao"),
        first.actor,
        first_status(changes, _COMPLETE),
        first.occurred_at,
        last.occurred_at,
        fields.json("metadata"),
    )
