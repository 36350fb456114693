"""What follows from a commit of the intake: queued runs as rows of its append (`jobs.queued_row`).

The jobs themselves are in the catalogue; only their names and arguments are here, so that whoever commits needs none of
what they work with.
"""

import uuid
from typing import Any, Final

import msgspec

from .enqueue import new_run_id
from .model import Queue

NOTIFY_SYNC_CONFLICT: Final = "notify_sync_conflict"
AUTO_GENERATE_EVD01: Final = "auto_generate_evd01"
DESCRIBE_EVIDENCE: Final = "describe_evidence"
ATTEMPTS: Final = 10
"""How often a run that follows from a commit is tried; the retry policies of these jobs say the same."""
MESSAGE_ATTEMPTS: Final = 300
"""Of a run that sends messages, which are tried until their time to live ends (`jobs.push.delivery`)."""


class ConflictParked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `notify_sync_conflict`."""

    conflict_id: uuid.UUID


class AtividadeCompleted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `auto_generate_evd01`."""

    municipio_cod_ibge: str
    atividade_id: str


class EvidenceVerified(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `describe_evidence`."""

    municipio_cod_ibge: str
    evidencia_id: str


class Following(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is to be queued in the same commit."""

    job: str
    queue: Queue
    key: str
    arguments: ConflictParked | AtividadeCompleted | EvidenceVerified
    requested_by: str
    municipio: str

    def row(self, unit: int) -> tuple[Any, ...]:
        """As the append of this unit takes it."""
        return (
            unit,
            new_run_id(),
            self.job,
            self.queue,
            self.key,
            msgspec.json.encode(self.arguments).decode(),
            MESSAGE_ATTEMPTS if self.queue is Queue.NOTIFICATIONS else ATTEMPTS,
            self.requested_by,
            self.municipio,
        )


def conflict_parked(conflict_id: str, *, municipio: str, user: str) -> Following:
    """Somebody's operation was parked: its owner and the managers are told, once a conflict."""
    return Following(
        job=NOTIFY_SYNC_CONFLICT,
        queue=Queue.NOTIFICATIONS,
        key=conflict_id,
        arguments=ConflictParked(uuid.UUID(conflict_id)),
        requested_by=user,
        municipio=municipio,
    )


def atividade_completed(atividade_id: str, version: int, *, municipio: str, user: str) -> Following:
    """An atividade became CONCLUIDA with this version: its report is due, once for each time that it becomes so."""
    return Following(
        job=AUTO_GENERATE_EVD01,
        queue=Queue.REPORTS,
        key=f"{municipio}/{atividade_id}/{version}",
        arguments=AtividadeCompleted(municipio, atividade_id),
        requested_by=user,
        municipio=municipio,
    )


def evidence_verified(evidencia_id: str, object_key: str, *, municipio: str, user: str) -> Following:
    """A file was verified: its thumbnail and what it says of itself are due, once a file."""
    return Following(
        job=DESCRIBE_EVIDENCE,
        queue=Queue.REPORTS,
        key=object_key,
        arguments=EvidenceVerified(municipio, evidencia_id),
        requested_by=user,
        municipio=municipio,
    )
