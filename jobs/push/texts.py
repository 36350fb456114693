"""What people read: the sentences of the messages, in Brazilian Portuguese, and what the app opens. Pure.

Counts and kinds only: no names, no addresses, nothing of anybody's health.
"""

import datetime as dt
import uuid
from typing import Final

import msgspec

from .model import Message, MessageType

LINK: Final = "techdengue://"

_CONFLICT_OF: Final = {
    "atividade": "Uma alteração de atividade não pôde ser aplicada e aguarda uma decisão.",
    "evidencia": "Uma alteração de evidência não pôde ser aplicada e aguarda uma decisão.",
}
_CONFLICT: Final = "Uma alteração não pôde ser aplicada e aguarda uma decisão."
_REPORTS: Final = {
    "EVD01": "O relatório de evidências EVD01 está pronto para consulta.",
    "SEMANAL": "O relatório semanal está pronto para consulta.",
}
_REPORT: Final = "O relatório pedido está pronto para consulta."


class DayFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A day in the municípios of one manager."""

    activities: int
    evidence: int
    open_conflicts: int
    silent_devices: int

    def __add__(self, other: "DayFigures") -> "DayFigures":
        return DayFigures(
            activities=self.activities + other.activities,
            evidence=self.evidence + other.evidence,
            open_conflicts=self.open_conflicts + other.open_conflicts,
            silent_devices=self.silent_devices + other.silent_devices,
        )


NOTHING: Final = DayFigures(activities=0, evidence=0, open_conflicts=0, silent_devices=0)


def sync_conflict(conflict_id: uuid.UUID, entity_type: str) -> Message:
    """To the owner of the device that wrote the parked operation, and to the município's managers."""
    return Message(
        type=MessageType.SYNC_CONFLICT,
        tag=f"conflito/{conflict_id}",
        title="Conflito de sincronização",
        body=_CONFLICT_OF.get(entity_type, _CONFLICT),
        data={"id": str(conflict_id), "link": f"{LINK}conflitos/{conflict_id}"},
    )


def report_ready(report_id: uuid.UUID, code: str) -> Message:
    """To who asked for the report."""
    return Message(
        type=MessageType.REPORT_READY,
        tag=f"relatorio/{report_id}",
        title="Relatório pronto",
        body=_REPORTS.get(code, _REPORT),
        data={"id": str(report_id), "link": f"{LINK}relatorios/{report_id}"},
    )


def daily_digest(day: dt.date, figures: DayFigures) -> Message:
    """To a manager, of the calendar day before."""
    told = [
        _counted(figures.activities, "nenhuma atividade", "atividade", "atividades"),
        _counted(figures.evidence, "nenhuma evidência", "evidência", "evidências"),
        _counted(figures.open_conflicts, "nenhum conflito aberto", "conflito aberto", "conflitos abertos"),
    ]
    if figures.silent_devices:
        silent = "dispositivo sem sincronizar", "dispositivos sem sincronizar"
        told.append(_counted(figures.silent_devices, "", *silent))
    body = f"{', '.join(told[:-1])} e {told[-1]}."
    return Message(
        type=MessageType.DAILY_DIGEST,
        tag=f"resumo/{day.isoformat()}",
        title=f"Resumo de {day:%d/%m/%Y}",
        body=body[0].upper() + body[1:],
        data={"id": day.isoformat(), "link": f"{LINK}resumo/{day.isoformat()}"},
    )


def _counted(number: int, none: str, one: str, many: str) -> str:
    """Portuguese has a singular for one only, and a dot between thousands."""
    if number == 0:
        return none
    return f"{number:,} {one if number == 1 else many}".replace(",", ".")
