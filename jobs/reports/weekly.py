"""SEMANAL, the weekly report of one município: its figures against the week before, on paper and as JSON. Pure."""

import datetime as dt
import hashlib
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from projections.naming import rfc3339
from techdengue.domain.epidemiological_week import EpidemiologicalWeek
from techdengue.domain.municipios import MUNICIPIOS

from . import wording
from .figures import EvidenceCount, Figures, week_before
from .sheet import Paper, Sheet

CODE: Final = "SEMANAL"
TITLE: Final = "Relatório semanal de vigilância de campo"
TEMPLATE: Final = "weekly.typ"
AUTOMATIC: Final = "TechDengue (emissão automática)"

_STATUS: Final = ("CRIADA", "EM_ANDAMENTO", "CONCLUIDA", "CANCELADA")
_OUTCOMES: Final = {
    "applied": "Aplicadas sem conflito",
    "client_applied": "Conflito: valeu o dispositivo",
    "merged": "Conflito: mescladas",
    "server_kept": "Conflito: valeu o servidor",
    "conflict": "Conflito: à espera de decisão",
    "resolved": "Decisões de gestores",
    "no_change": "Sem mudança",
}
_CHOICES: Final = {
    "client": "Decididos pelo dispositivo",
    "server": "Decididos pelo servidor",
    "merge": "Decididos por mescla",
    "custom": "Decididos com outro valor",
}


class WeeklySource(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a weekly report says. `unfinished`: the week was still running when it was made."""

    report_id: uuid.UUID
    asked_by: str | None
    generated_at: dt.datetime
    verification_url: str
    paper: Paper
    municipio: str
    week: EpidemiologicalWeek
    now: Figures
    before: Figures

    @property
    def unfinished(self) -> bool:
        """Whether the week had not ended."""
        return self.generated_at.astimezone(wording.CUIABA).date() <= self.week.last_day

    def content(self) -> bytes:
        """SHA-256 of what is reported, without who asked, when, and on which paper."""
        said = [self.municipio, self.week, self.now, self.before, self.unfinished]
        return hashlib.sha256(msgspec.json.encode(said, order="sorted")).digest()


def as_json(source: WeeklySource) -> bytes:
    """The figures for programs; the same source is the same bytes."""
    told = {
        "report_id": str(source.report_id),
        "code": CODE,
        "municipio_cod_ibge": source.municipio,
        "municipio_nome": MUNICIPIOS.get(source.municipio),
        "generated_at": rfc3339(source.generated_at),
        "unfinished": source.unfinished,
        "week": _told_week(source.week),
        "figures": source.now,
        "week_before": _told_week(week_before(source.week)),
        "figures_before": source.before,
    }
    return msgspec.json.encode(told, order="sorted")


def lay_out(source: WeeklySource) -> Sheet:
    """The sheets' data."""
    week, before = source.week, week_before(source.week)
    data = {
        **source.paper.layout(),
        "code": CODE,
        "title": TITLE,
        "heading": f"Semana epidemiológica {week.number:02}/{week.year}",
        "period": f"{_period(week)}, comparada com a semana {before.number:02}/{before.year} ({_period(before)})",
        "unfinished": source.unfinished,
        "asked_by": wording.printable(source.asked_by, 80) if source.asked_by else AUTOMATIC,
        "generated": f"{wording.local_time(source.generated_at)} (Cuiabá, UTC−4)",
        "place": wording.municipio(source.municipio),
        "root": None,
        "origin": "Números do registro de eventos do TechDengue",
        "report_id": str(source.report_id),
        "url": source.verification_url,
        "tiles": _tiles(source.now, source.before),
        "statuses": [wording.STATUS_ATIVIDADE[status] for status in _STATUS],
        "activities": _activities(source.now, source.before),
        "evidence": _evidence(source.now, source.before),
        "operations": _named(_OUTCOMES, source.now.operations, source.before.operations),
        "conflicts": _conflicts(source.now, source.before),
    }
    return Sheet(template=TEMPLATE, data=data, url=source.verification_url, timestamp=source.generated_at)


def _told_week(week: EpidemiologicalWeek) -> dict[str, Any]:
    return {"year": week.year, "number": week.number, "first_day": week.first_day, "last_day": week.last_day}


def _period(week: EpidemiologicalWeek) -> str:
    return f"{wording.day(week.first_day)} a {wording.day(week.last_day)}"


def _tiles(now: Figures, before: Figures) -> list[dict[str, Any]]:
    asked: dict[str, Callable[[Figures], int]] = {
        "Atividades registradas": lambda week: week.registered,
        "Atividades concluídas": lambda week: sum(week.concluded.values()),
        "Evidências verificadas": lambda week: sum(counted.verified for counted in week.evidence.values()),
        "Dispositivos ativos": lambda week: week.devices,
        "Conflitos à espera": lambda week: week.open_conflicts,
    }
    return [
        {"name": name, "value": wording.number(count(now)), "change": _change(count(now), count(before))}
        for name, count in asked.items()
    ]


def _activities(now: Figures, before: Figures) -> list[dict[str, Any]]:
    names = [name for name in wording.TIPO_ATIVIDADE if name in now.activities or name in before.activities]
    names += sorted((now.activities.keys() | before.activities.keys()) - wording.TIPO_ATIVIDADE.keys())
    rows = [_activity_row(name, now, before) for name in names]
    most = max((max(row["total"], row["before"]) for row in rows), default=0) or 1
    return [{**row, "bar": row["total"] / most, "bar_before": row["before"] / most} for row in rows]


def _activity_row(name: str, now: Figures, before: Figures) -> dict[str, Any]:
    by_status = now.activities.get(name, {})
    total, earlier = sum(by_status.values()), sum(before.activities.get(name, {}).values())
    return {
        "name": wording.word_for(wording.TIPO_ATIVIDADE, name),
        "by_status": [wording.number(by_status.get(status, 0)) for status in _STATUS],
        "total": total,
        "before": earlier,
        "change": _change(total, earlier),
        "concluded": wording.number(now.concluded.get(name, 0)),
    }


def _evidence(now: Figures, before: Figures) -> list[list[str]]:
    none = EvidenceCount()
    rows = []
    for name in sorted(now.evidence.keys() | before.evidence.keys()):
        this, last = now.evidence.get(name, none), before.evidence.get(name, none)
        rows.append(
            [
                wording.word_for(wording.TIPO_EVIDENCIA, name),
                wording.number(this.registered),
                wording.number(this.verified),
                wording.size(this.bytes),
                wording.number(last.verified),
                _change(this.verified, last.verified),
            ]
        )
    return rows


def _conflicts(now: Figures, before: Figures) -> list[list[str]]:
    return [
        _compared("Abertos na semana", now.parked, before.parked),
        *_named(_CHOICES, now.settled, before.settled),
        _compared("À espera no fim da semana", now.open_conflicts, before.open_conflicts),
    ]


def _named(words: Mapping[str, str], now: Mapping[str, int], before: Mapping[str, int]) -> list[list[str]]:
    return [_compared(word, now.get(name, 0), before.get(name, 0)) for name, word in words.items()]


def _compared(name: str, now: int, before: int) -> list[str]:
    return [name, wording.number(now), wording.number(before), _change(now, before)]


def _change(now: int, before: int) -> str:
    """`+12 (+30 %)`; without a percentage where there was nothing before."""
    difference = now - before
    if not difference:
        return "="
    sign = "+" if difference > 0 else "−"
    percent = f" ({sign}{wording.number(abs(difference) * 100 / before)} %)" if before else ""
    return f"{sign}{wording.number(abs(difference))}{percent}"
