"""generate_weekly_report: each município's own report of the week that ended, once; any week's when somebody asks."""

import datetime as dt
import hashlib
import json
import uuid
from typing import Any

import asyncpg
import pytest

from jobs import JobServices
from jobs.claims import claim
from jobs.reports.generate_weekly_report import GENERATE_WEEKLY_REPORT, WeeklyReportArguments, week_wanted
from jobs.reports.ordering import Order, order
from jobs.reports.sheet import Paper
from jobs.wrapper import execute, run_of
from techdengue.domain.epidemiological_week import EpidemiologicalWeek
from techdengue.settings import Settings
from techdengue.storage import Storage
from tests.jobs.conftest import RunJob

from .pdfa import findings
from .samples import CUIABA
from .stage import Stage

SINOP = "5107909"
IN_THE_WEEK = dt.datetime(2026, 11, 10, 12, tzinfo=dt.UTC)
SUNDAY_AFTER = dt.datetime(2026, 11, 15, 8, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("due_at", "number"),
    [
        (dt.datetime(2026, 11, 29, 3, 59, tzinfo=dt.UTC), 46),  # Saturday still, in Cuiabá
        (dt.datetime(2026, 11, 29, 4, tzinfo=dt.UTC), 47),
        (dt.datetime(2026, 12, 6, 3, 59, tzinfo=dt.UTC), 47),
    ],
)
def test_the_week_is_the_one_that_ended_before_the_run_was_due(due_at: dt.datetime, number: int) -> None:
    assert week_wanted(WeeklyReportArguments(), due_at) == EpidemiologicalWeek(2026, number)


async def test_every_municipio_gets_its_own_report_as_pdf_and_json(
    run_job: RunJob, stage: Stage, storage: Storage
) -> None:
    await stage.activity("a", created=IN_THE_WEEK)
    await stage.activity("b", created=IN_THE_WEEK, municipio=SINOP)
    await stage.activity("c", created=IN_THE_WEEK - dt.timedelta(days=60), municipio="5105259")
    ending = await run_job(
        GENERATE_WEEKLY_REPORT, WeeklyReportArguments(), now=SUNDAY_AFTER, due_at=SUNDAY_AFTER, storage=storage
    )
    assert ending.counts == {"reports": 2, "unchanged": 0}
    reports = await stage.reports("SEMANAL")
    assert sorted(report["municipio_cod_ibge"] for report in reports) == [CUIABA, SINOP]
    for report in reports:
        pdf, told = await storage.get(report["object_key"]), json.loads(await storage.get(report["json_key"]))
        assert findings(pdf) == []
        assert report["sha256"] == hashlib.sha256(pdf).digest()
        assert (report["status"], report["root"], report["leaves"], report["requested_by"]) == ("ready", None, 0, None)
        assert (report["period_start"], report["period_end"]) == (dt.date(2026, 11, 8), dt.date(2026, 11, 14))
        assert told["municipio_cod_ibge"] == report["municipio_cod_ibge"]
        assert told["figures"]["activities"] == {"VISTORIA": {"CONCLUIDA": 1}}
        assert not told["unfinished"]


async def test_a_week_is_reported_once_and_again_only_where_it_has_changed(
    run_job: RunJob, stage: Stage, storage: Storage
) -> None:
    await stage.activity("a", created=IN_THE_WEEK)
    await stage.activity("b", created=IN_THE_WEEK, municipio=SINOP)
    asked: dict[str, Any] = {"now": SUNDAY_AFTER, "due_at": SUNDAY_AFTER, "storage": storage}
    assert (await run_job(GENERATE_WEEKLY_REPORT, WeeklyReportArguments(), **asked)).counts["reports"] == 2
    again = await run_job(GENERATE_WEEKLY_REPORT, WeeklyReportArguments(), **asked)
    assert again.counts == {"reports": 0, "unchanged": 2}
    await stage.activity("late", created=IN_THE_WEEK)  # a device that was offline
    third = await run_job(GENERATE_WEEKLY_REPORT, WeeklyReportArguments(), **asked)
    assert third.counts == {"reports": 1, "unchanged": 1}


async def _ask(jobs_pool: "asyncpg.Pool[Any]", week: EpidemiologicalWeek) -> uuid.UUID:
    wanted = Order(municipio=CUIABA, requested_by="gestora", paper=Paper(), week=week)
    async with jobs_pool.acquire() as connection:
        return await order(connection, wanted, SUNDAY_AFTER)


async def test_who_asks_gets_any_week_of_his_municipio_also_an_empty_one(
    jobs_pool: "asyncpg.Pool[Any]", job_settings: Settings, stage: Stage, storage: Storage
) -> None:
    await stage.activity("b", created=IN_THE_WEEK, municipio=SINOP)
    report_id = await _ask(jobs_pool, EpidemiologicalWeek(2025, 53))
    [claimed] = await claim(jobs_pool, GENERATE_WEEKLY_REPORT.queue, [GENERATE_WEEKLY_REPORT.name], 1, "the test")
    services = JobServices(pool=jobs_pool, settings=job_settings, storage=storage, clock=lambda: SUNDAY_AFTER)
    ending = await execute(claimed, GENERATE_WEEKLY_REPORT, run_of(claimed, services, "the test"))
    assert ending.counts == {"reports": 1, "unchanged": 0}
    [report] = await stage.reports("SEMANAL")
    assert (report["report_id"], report["municipio_cod_ibge"], report["requested_by"]) == (report_id, CUIABA, "gestora")
    assert report["period_start"] == dt.date(2025, 12, 28)


@pytest.mark.parametrize(("year", "week"), [(2026, 53), (2024, 53)])
async def test_a_week_that_its_year_has_not_is_refused(
    run_job: RunJob, stage: Stage, storage: Storage, year: int, week: int
) -> None:
    arguments = WeeklyReportArguments(year=year, week=week)
    ending = await run_job(GENERATE_WEEKLY_REPORT, arguments, storage=storage)
    assert (ending.outcome, ending.error) == (
        "failed",
        f"NoSuchWeek: there is no epidemiological week {week} of {year}",
    )


async def test_a_run_that_was_cut_goes_on_where_it_was(run_job: RunJob, stage: Stage, storage: Storage) -> None:
    municipios = [CUIABA, "5105259", SINOP]
    for municipio in municipios:
        await stage.activity("a", created=IN_THE_WEEK, municipio=municipio)
    asked: dict[str, Any] = {"now": SUNDAY_AFTER, "due_at": SUNDAY_AFTER, "storage": storage}
    only = WeeklyReportArguments(year=2026, week=45, municipio_cod_ibge=CUIABA)
    assert (await run_job(GENERATE_WEEKLY_REPORT, only, **asked)).counts["reports"] == 1
    assert (await run_job(GENERATE_WEEKLY_REPORT, WeeklyReportArguments(), **asked)).counts == {
        "reports": 2,
        "unchanged": 1,
    }
