"""Takes a person's order of a report: its row and the run that will make it, in one transaction."""

import datetime as dt
import uuid
from typing import Any

import asyncpg
import msgspec
import uuid_utils.compat

from jobs.enqueue import enqueue
from jobs.model import Origin
from jobs.statements import load
from techdengue.domain.epidemiological_week import EpidemiologicalWeek

from .auto_generate_evd01 import AUTO_GENERATE_EVD01, EvidenceReportArguments
from .evd01 import CODE as EVD01
from .generate_weekly_report import GENERATE_WEEKLY_REPORT, WeeklyReportArguments, subject_of
from .keeping import Subject
from .sheet import Paper

_ORDER = load("order_report")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants what. One of `atividade_id` (an EVD01) and `week` (a SEMANAL)."""

    municipio: str
    requested_by: str
    paper: Paper
    atividade_id: str | None = None
    week: EpidemiologicalWeek | None = None


async def order(connection: "asyncpg.Connection[Any]", wanted: Order, now: dt.datetime) -> uuid.UUID:
    """Note the order and queue its run; answer the report's id. The role is `techdengue_jobs`, the transaction its own.

    After the commit, hint the queue `reports`.
    """
    report_id = uuid_utils.compat.uuid7()
    async with connection.transaction():
        run_id = await _enqueue(connection, wanted, report_id)
        subject = _subject(wanted)
        await connection.execute(
            _ORDER,
            report_id,
            subject.code,
            subject.municipio,
            subject.atividade_id,
            subject.period_start,
            subject.period_end,
            wanted.paper.size.value,
            wanted.paper.orientation.value,
            wanted.requested_by,
            now,
            run_id,
        )
    return report_id


def _subject(wanted: Order) -> Subject:
    if wanted.week is not None:
        return subject_of(wanted.week, wanted.municipio)
    return Subject(code=EVD01, municipio=wanted.municipio, atividade_id=wanted.atividade_id)


async def _enqueue(connection: "asyncpg.Connection[Any]", wanted: Order, report_id: uuid.UUID) -> uuid.UUID:
    size, orientation = wanted.paper.size, wanted.paper.orientation
    asked: dict[str, Any] = {
        "key": f"order/{report_id}",
        "origin": Origin.REQUEST,
        "requested_by": wanted.requested_by,
        "municipio": wanted.municipio,
    }
    if wanted.week is not None:
        weekly = WeeklyReportArguments(
            year=wanted.week.year,
            week=wanted.week.number,
            municipio_cod_ibge=wanted.municipio,
            report_id=report_id,
            page_size=size,
            orientation=orientation,
        )
        return await enqueue(connection, GENERATE_WEEKLY_REPORT, weekly, **asked)
    assert wanted.atividade_id is not None  # noqa: S101 - an order without a week is of an activity
    evidence = EvidenceReportArguments(
        municipio_cod_ibge=wanted.municipio,
        atividade_id=wanted.atividade_id,
        report_id=report_id,
        page_size=size,
        orientation=orientation,
    )
    return await enqueue(connection, AUTO_GENERATE_EVD01, evidence, **asked)
