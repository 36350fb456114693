"""The job generate_weekly_report: every município's week in figures, as PDF and JSON; or one's, when asked for."""

import datetime as dt
import uuid
from typing import Annotated, Final

import asyncpg
import msgspec

from jobs.errors import Permanent
from jobs.model import Counts, Job, Queue, RetryPolicy
from jobs.run import Run
from jobs.storing import store_may_be_away
from techdengue.domain.access import Role
from techdengue.domain.epidemiological_week import EpidemiologicalWeek, week_of, weeks_in

from . import weekly
from .errors import NoSuchWeek
from .figures import Figures, figures_of, week_before
from .gathering import projections_caught_up
from .keeping import Made, Subject, fail, keep, newest_says, store_of, verification_url
from .sheet import Orientation, PageSize, Paper
from .typesetting import typeset
from .wording import CUIABA


class WeeklyReportByHand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which epidemiological week: none is the one before the day that the run was due. Which município: none is every
    one in which anything was counted. Without `report_id`: see EvidenceReportByHand."""

    year: Annotated[int, msgspec.Meta(ge=2, le=9998)] | None = None
    week: Annotated[int, msgspec.Meta(ge=1, le=53)] | None = None
    municipio_cod_ibge: str | None = None
    page_size: PageSize = PageSize.A4
    orientation: Orientation = Orientation.PORTRAIT


class WeeklyReportArguments(WeeklyReportByHand, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """With a `report_id` somebody ordered that report, of one município."""

    report_id: uuid.UUID | None = None


async def generate(run: Run, arguments: WeeklyReportArguments) -> Counts:
    """Make them. Counts `reports` and those that would have said what the newest one says: `unchanged`.

    Raises the errors of `jobs.reports.errors`, Transient.
    """
    try:
        with store_may_be_away():
            return await _generate(run, arguments)
    except Permanent as error:
        if arguments.report_id is not None and arguments.municipio_cod_ibge is not None:
            await fail(run, arguments.report_id, arguments.municipio_cod_ibge, str(error))
        raise


async def _generate(run: Run, arguments: WeeklyReportArguments) -> Counts:
    store_of(run)
    week = week_wanted(arguments, run.due_at)
    await projections_caught_up(run.services.pool)
    asked = None if arguments.municipio_cod_ibge is None else [arguments.municipio_cod_ibge]
    async with run.services.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        now, before = await _both(connection, week, asked)
    municipios = sorted(now.keys() | before.keys())
    kept = 0
    for done, municipio in enumerate(municipios):
        await run.progress(done, len(municipios), reports=kept)
        figures = (now.get(municipio, Figures()), before.get(municipio, Figures()))
        kept += await _keep_one(run, arguments, week, municipio, *figures)
    return {"reports": kept, "unchanged": len(municipios) - kept}


async def _both(
    connection: "asyncpg.Connection[object]", week: EpidemiologicalWeek, municipios: list[str] | None
) -> tuple[dict[str, Figures], dict[str, Figures]]:
    now = await figures_of(connection, week, municipios)
    return now, await figures_of(connection, week_before(week), municipios)


def week_wanted(arguments: WeeklyReportArguments, due_at: dt.datetime) -> EpidemiologicalWeek:
    """The week that is asked for. Raises NoSuchWeek."""
    if arguments.year is None or arguments.week is None:
        return week_before(week_of(due_at.astimezone(CUIABA).date()))
    if arguments.week > weeks_in(arguments.year):
        raise NoSuchWeek(arguments.year, arguments.week)
    return EpidemiologicalWeek(arguments.year, arguments.week)


async def _keep_one(
    run: Run,
    arguments: WeeklyReportArguments,
    week: EpidemiologicalWeek,
    municipio: str,
    now: Figures,
    before: Figures,
) -> bool:
    report_id = arguments.report_id or uuid.uuid5(run.run_id, f"{weekly.CODE}/{municipio}")
    source = weekly.WeeklySource(
        report_id=report_id,
        asked_by=run.requested_by,
        generated_at=run.services.clock(),
        verification_url=verification_url(run.services.settings, report_id),
        paper=Paper(arguments.page_size, arguments.orientation),
        municipio=municipio,
        week=week,
        now=now,
        before=before,
    )
    subject = subject_of(week, municipio)
    if arguments.report_id is None:
        async with run.services.pool.acquire() as connection:
            if await newest_says(connection, subject, source.content()):
                return False
    made = Made(
        report_id=report_id,
        subject=subject,
        paper=source.paper,
        requested_by=run.requested_by,
        requested_at=run.due_at,
        generated_at=source.generated_at,
        content=source.content(),
        pdf=await typeset(weekly.lay_out(source)),
        json=weekly.as_json(source),
        asked_for=arguments.report_id is not None,
    )
    return await keep(run, made)


def subject_of(week: EpidemiologicalWeek, municipio: str) -> Subject:
    """A município's week."""
    return Subject(code=weekly.CODE, municipio=municipio, period_start=week.first_day, period_end=week.last_day)


GENERATE_WEEKLY_REPORT: Final = Job(
    name="generate_weekly_report",
    queue=Queue.REPORTS,
    arguments=WeeklyReportArguments,
    handler=generate,
    time_limit=dt.timedelta(minutes=20),
    retry=RetryPolicy(attempts=10, first=dt.timedelta(seconds=15), longest=dt.timedelta(hours=1)),
    exclusive=True,
    least_role=Role.GESTOR,
    by_hand=WeeklyReportByHand,
    summary="Makes the weekly report of every município, against the week before.",
)
