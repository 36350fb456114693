"""When jobs are due: the schedule's arithmetic, and runs that are queued once for each due time."""

import asyncio
import datetime as dt
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import Dispatcher, JobServices
from jobs.schedule import MONDAY, SCHEDULE, SUNDAY, ZONE, Daily, Every, Scheduled, Times, Weekly, following, latest
from jobs.scheduler import Scheduler
from techdengue.settings import Settings

from .conftest import StartWorker
from .probes import PROBES
from .working import Table, until

TWO = dt.time(2, 0)
QUARTERS = Every(dt.timedelta(minutes=15))


def at(text: str) -> dt.datetime:
    """A time of Cuiabá, as UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(dt.UTC)


@pytest.mark.parametrize(
    ("times", "moment", "last", "next_one"),
    [
        (Daily(TWO), "2026-03-10T02:00:00", "2026-03-10T02:00:00", "2026-03-11T02:00:00"),
        (Daily(TWO), "2026-03-10T01:59:59", "2026-03-09T02:00:00", "2026-03-10T02:00:00"),
        (Daily(dt.time(0, 0)), "2026-10-18T00:00:00", "2026-10-18T00:00:00", "2026-10-19T00:00:00"),
        (Daily(dt.time(0, 0)), "2026-10-17T23:59:59", "2026-10-17T00:00:00", "2026-10-18T00:00:00"),
        (Weekly(SUNDAY, TWO), "2026-03-15T02:00:00", "2026-03-15T02:00:00", "2026-03-22T02:00:00"),
        (Weekly(SUNDAY, TWO), "2026-03-15T01:00:00", "2026-03-08T02:00:00", "2026-03-15T02:00:00"),
        (Weekly(MONDAY, TWO), "2026-03-15T23:00:00", "2026-03-09T02:00:00", "2026-03-16T02:00:00"),
        (QUARTERS, "2026-03-10T02:14:59", "2026-03-10T02:00:00", "2026-03-10T02:15:00"),
        (QUARTERS, "2026-03-10T23:45:00", "2026-03-10T23:45:00", "2026-03-11T00:00:00"),
    ],
)
def test_due_times_are_those_of_cuiaba(times: Times, moment: str, last: str, next_one: str) -> None:
    assert latest(times, at(moment)) == at(last)
    assert following(times, at(moment)) == at(next_one)


def test_midnight_in_cuiaba_is_four_in_the_morning_utc_all_year() -> None:
    days = [dt.datetime(2026, month, day, 12, tzinfo=dt.UTC) for month in range(1, 13) for day in (1, 15, 28)]
    assert {latest(Daily(dt.time(0, 0)), day).time() for day in days} == {dt.time(4, 0)}


def test_a_midnight_that_daylight_saving_skipped_was_due_once() -> None:
    before = at("2018-11-03T12:00:00")  # the last time that the clocks went from 00:00 to 01:00 was on the 4th

    first = following(Daily(dt.time(0, 0)), before)
    second = following(Daily(dt.time(0, 0)), first)

    assert first == dt.datetime(2018, 11, 4, 4, 0, tzinfo=dt.UTC)
    assert second == dt.datetime(2018, 11, 5, 3, 0, tzinfo=dt.UTC)


@given(
    times=st.sampled_from([Daily(TWO), Weekly(SUNDAY, TWO), Weekly(MONDAY, dt.time(23, 59)), QUARTERS]),
    moment=st.integers(0, 80 * 365 * 24 * 3600).map(lambda s: at("2019-06-01T00:00:00") + dt.timedelta(seconds=s)),
)
def test_no_due_time_is_between_the_latest_and_the_next(times: Times, moment: dt.datetime) -> None:
    last, next_one = latest(times, moment), following(times, moment)

    assert last <= moment < next_one
    assert following(times, last) == next_one
    assert latest(times, next_one - dt.timedelta(microseconds=1)) == last


def test_the_schedule_is_the_one_of_the_facts() -> None:
    assert {name: scheduled.times for name, scheduled in SCHEDULE.items()} == {
        "cleanup_old_s3_files": Daily(dt.time(2, 0)),
        "clean_abandoned_uploads": Daily(dt.time(2, 30)),
        "archive_old_reports": Daily(dt.time(3, 0)),
        "prune_push_targets": Daily(dt.time(3, 30)),
        "cleanup_sync_logs": Weekly(SUNDAY, dt.time(4, 0)),
        "vacuum_database": Weekly(SUNDAY, dt.time(5, 0)),
        "aggregate_sync_metrics": QUARTERS,
        "generate_weekly_report": Weekly(MONDAY, dt.time(6, 0)),
        "send_daily_digest": Daily(dt.time(8, 0)),
    }


def scheduler(pool: "asyncpg.Pool[Any]", settings: Settings, **scheduled: Scheduled) -> Scheduler:
    return Scheduler(PROBES, scheduled, JobServices(pool=pool, settings=settings), Dispatcher(""))


async def test_a_job_that_is_new_is_due_for_the_first_time_after_now(
    jobs_pool: "asyncpg.Pool[Any]", job_settings: Settings, table: Table
) -> None:
    await scheduler(jobs_pool, job_settings, tidy=Scheduled(times=Daily(TWO))).tick()

    assert await table.connection.fetchval("SELECT count(*) FROM jobs.run") == 0
    assert await table.connection.fetchval("SELECT count(*) FROM jobs.schedule") == 1


async def test_what_was_missed_for_days_is_caught_up_by_one_run(
    jobs_pool: "asyncpg.Pool[Any]", job_settings: Settings, table: Table
) -> None:
    await table.connection.execute(
        "INSERT INTO jobs.schedule (job, known_since, last_due_at) "
        "VALUES ('tidy', now() - interval '30 days', now() - interval '9 days')"
    )
    works = scheduler(jobs_pool, job_settings, tidy=Scheduled(times=Weekly(SUNDAY, TWO)))
    await works.tick()
    await works.tick()

    [run] = await table.connection.fetch("SELECT due_at, origin, key FROM jobs.run")
    now = await table.connection.fetchval("SELECT now()")
    assert run["due_at"] == latest(Weekly(SUNDAY, TWO), now)
    assert run["origin"] in ("catch_up", "schedule")  # the latter in the two minutes after it was due
    assert run["key"] == run["due_at"].astimezone(dt.UTC).isoformat()


async def test_schedulers_at_once_queue_a_due_time_once(
    jobs_pool: "asyncpg.Pool[Any]", job_settings: Settings, table: Table
) -> None:
    await table.connection.execute("INSERT INTO jobs.schedule VALUES ('tidy', now() - interval '3 days')")
    every = Scheduled(times=Daily(TWO))
    await asyncio.gather(*(scheduler(jobs_pool, job_settings, tidy=every).tick() for _ in range(8)))

    assert await table.connection.fetchval("SELECT count(*) FROM jobs.run") == 1


async def test_a_start_is_spread_and_the_due_time_is_not(
    jobs_pool: "asyncpg.Pool[Any]", job_settings: Settings, table: Table
) -> None:
    await table.connection.execute("INSERT INTO jobs.schedule VALUES ('tidy', now() - interval '3 days')")
    await scheduler(jobs_pool, job_settings, tidy=Scheduled(times=Daily(TWO), spread=dt.timedelta(minutes=5))).tick()

    run = await table.connection.fetchrow("SELECT due_at, next_at FROM jobs.run")
    assert dt.timedelta(0) < run["next_at"] - run["due_at"] < dt.timedelta(minutes=5)


async def test_a_worker_that_starts_catches_up_and_remembers_the_success(
    start_worker: StartWorker, table: Table
) -> None:
    await table.connection.execute("INSERT INTO jobs.schedule VALUES ('tidy', now() - interval '9 days')")
    await start_worker("cleanup")

    async def succeeded() -> Any:
        return await table.connection.fetchrow("SELECT * FROM jobs.schedule WHERE last_success IS NOT NULL")

    schedule = await until(succeeded)
    run = await table.run(schedule["last_success"])
    assert (run["job"], run["status"], run["due_at"]) == ("tidy", "succeeded", schedule["last_due_at"])
    assert await table.connection.fetchval("SELECT count(*) FROM jobs.run") == 1


async def test_several_workers_run_each_due_time_once(start_worker: StartWorker, table: Table) -> None:
    await asyncio.gather(*(start_worker("cleanup", "--every", "0.5") for _ in range(2)))

    async def enough() -> bool:
        return bool(await table.connection.fetchval("SELECT count(*) >= 6 FROM jobs.effect"))

    await until(enough)
    doubled = await table.connection.fetch("SELECT due_at FROM jobs.effect GROUP BY due_at HAVING count(*) > 1")
    assert doubled == []


async def test_a_worker_schedules_only_for_its_queues(start_worker: StartWorker, table: Table) -> None:
    await table.connection.execute("INSERT INTO jobs.schedule VALUES ('tidy', now() - interval '9 days')")
    worker = await start_worker("reports")

    async def has_beaten() -> Any:
        return await table.connection.fetchval("SELECT true FROM jobs.worker")

    await until(has_beaten)
    assert await worker.stop() == 0
    assert await table.connection.fetchval("SELECT count(*) FROM jobs.run") == 0
