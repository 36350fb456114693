"""Takes a person's order of a report: its row and the run that will make it, in one transaction."""

import datetime as dt
import uuid
from typing import Any

import asyncpg
import msgspec
import uuid_utils.compat

from jobs.enqueue import enqueue
from jobs.errors import KeyReused
from jobs.model import Origin
from jobs.statements import load
from techdengue.domain.epidemiological_week import EpidemiologicalWeek

from .auto_generate_evd01 import AUTO_GENERATE_EVD01, EvidenceReportArguments
from .evd01 import CODE as EVD01
from .generate_weekly_report import GENERATE_WEEKLY_REPORT, WeeklyReportArguments, subject_of
from .keeping import Subject
from .sheet import Paper

_ORDER = load("order_report")
_FIND = load("find_order")
_HOLD = load("hold_reports")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants what. One of `atividade_id` (an EVD01) and `week` (a SEMANAL)."""

    municipio: str
    requested_by: str
    paper: Paper
    atividade_id: str | None = None
    week: EpidemiologicalWeek | None = None
    key: str | None = None
    """The user's own name of this order: the same one again is the same report."""


async def order(connection: "asyncpg.Connection[Any]", wanted: Order, now: dt.datetime) -> uuid.UUID:
    """Note the order and queue its run; answer the report's id, or of what this user has ordered with this key.

    The role is `techdengue_jobs`, the transaction its own. After the commit, hint the queue `reports`.
    Raises KeyReused.
    """
    async with connection.transaction():
        if wanted.key is not None:
            earlier = await _earlier(connection, wanted, wanted.key)
            if earlier is not None:
                return earlier
        report_id = uuid_utils.compat.uuid7()
        run_id = await _enqueue(connection, wanted, report_id)
        await connection.execute(_ORDER, report_id, *_columns(wanted), wanted.requested_by, now, run_id, wanted.key)
    return report_id


async def _earlier(connection: "asyncpg.Connection[Any]", wanted: Order, key: str) -> uuid.UUID | None:
    """What was ordered with the key, if anything; until the end of the transaction nobody else orders with it."""
    user = wanted.requested_by
    await connection.execute(_HOLD, f"order/{len(user)}/{user}/{key}")
    row = await connection.fetchrow(_FIND, user, key)
    if row is None:
        return None
    report_id, *columns = row.values()
    if tuple(columns) != _columns(wanted):
        raise KeyReused("the key names an order of another report")
    return uuid.UUID(str(report_id))


def _columns(wanted: Order) -> tuple[Any, ...]:
    """What is ordered, as `order_report` and `find_order` list it."""
    subject, paper = _subject(wanted), wanted.paper
    period = (subject.period_start, subject.period_end)
    return subject.code, subject.municipio, subject.atividade_id, *period, paper.size.value, paper.orientation.value


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
