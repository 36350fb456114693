"""The projection `atividade`: activities with typed columns, for reports and maps."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar

import asyncpg

from projections.naming import split_stream
from projections.replay import Step
from projections.sql_statements import in_schema
from techdengue.domain.atividade import ATIVIDADE
from techdengue.domain.municipios import MUNICIPIOS

from .projection import changed_entities, last_document
from .reading import Fields

_STARTED = frozenset({"EM_ANDAMENTO"})
_ENDED = frozenset({"CONCLUIDA", "CANCELADA"})


class Atividade:
    """One row an activity; a deleted one keeps its last values."""

    name: ClassVar[str] = "atividade"
    written_by_intake: ClassVar[bool] = False

    async def apply(self, connection: asyncpg.Connection, steps: Sequence[Step], schema: str) -> None:
        """Write the activities that got a new version."""
        rows = [_row(changes) for changes in changed_entities(steps, self.name)]
        if rows:
            await connection.execute(in_schema("upsert_atividade", schema), rows)


def first_status(changes: Sequence[Step], wanted: frozenset[str]) -> dt.datetime | None:
    """The effective time of the first of these steps that left a document with such a status."""
    for step in changes:
        if step.document is not None and step.document.get("status") in wanted:
            return step.event.occurred_at
    return None


def _row(changes: list[Step]) -> tuple[Any, ...]:
    first, last = changes[0].event, changes[-1].event
    fields = Fields(last_document(changes[-1]), ATIVIDADE)
    return (
        last.tenant,
        split_stream(last.stream)[1],
        last.version,
        changes[-1].document is None,
        MUNICIPIOS.get(last.tenant),
        fields.text("tipo"),
        fields.text("status"),
        fields.text("origem"),
        fields.text("descricao"),
        *fields.coordinates("localizacao"),
        fields.text("usuario_responsavel"),
        first.actor,
        fields.moment("iniciado_em"),
        fields.moment("encerrado_em"),
        first_status(changes, _STARTED),
        first_status(changes, _ENDED),
        first.occurred_at,
        last.occurred_at,
        fields.json("metadata"),
    )
