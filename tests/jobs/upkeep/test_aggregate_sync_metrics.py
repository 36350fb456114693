"""Every hour is counted whole, once, from the log: its last quarter, hours in which nothing happened, and late ones."""

import asyncio
import datetime as dt

import pytest

from jobs.upkeep.aggregate_sync_metrics import AGGREGATE_SYNC_METRICS, Since, aggregate_sync_metrics
from techdengue.dev.database import Database
from tests.jobs.conftest import RunJob
from tests.jobs.working import Table

from .conftest import CUIABA, SINOP, Record
from .running import run_with

TEN = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def minutes(number: float) -> dt.timedelta:
    """So many minutes."""
    return dt.timedelta(minutes=number)


async def counted(table: Table, municipio: str = CUIABA) -> dict[dt.datetime, int]:
    """Operations by hour."""
    rows = await table.connection.fetch(
        "SELECT hour, operations FROM projections.sync_metrics_hourly WHERE municipio_cod_ibge = $1 ORDER BY hour",
        municipio,
    )
    return {row["hour"]: row["operations"] for row in rows}


async def test_the_last_quarter_of_an_hour_is_counted_by_the_run_after_it(
    run_job: RunJob, record: Record, table: Table
) -> None:
    await record(TEN + minutes(5))
    await run_job(AGGREGATE_SYNC_METRICS, Since(), now=TEN + minutes(45))
    assert await counted(table) == {TEN: 1}
    await record(TEN + minutes(59))
    await run_job(AGGREGATE_SYNC_METRICS, Since(), now=TEN + HOUR)
    assert await counted(table) == {TEN: 2, TEN + HOUR: 0}
    await record(TEN + minutes(59.99))  # its commit took a while
    await run_job(AGGREGATE_SYNC_METRICS, Since(), now=TEN + HOUR + minutes(14))
    assert await counted(table) == {TEN: 3, TEN + HOUR: 0}


async def test_an_hour_that_is_counted_for_good_is_not_read_again(
    run_job: RunJob, record: Record, table: Table
) -> None:
    await record(TEN)
    await run_job(AGGREGATE_SYNC_METRICS, Since(), now=TEN + HOUR + minutes(15))
    assert await table.connection.fetchval("SELECT hour FROM projections.sync_metrics_place") == TEN + HOUR
    await table.connection.execute("UPDATE projections.sync_metrics_hourly SET operations = 77")
    ending = await run_job(AGGREGATE_SYNC_METRICS, Since(), now=TEN + HOUR + minutes(30))
    assert ending.counts == {"hours": 1, "rows": 1}
    assert await counted(table) == {TEN: 77, TEN + HOUR: 0}
    await run_job(AGGREGATE_SYNC_METRICS, Since(since=TEN + minutes(1)), now=TEN + HOUR + minutes(45))
    assert await counted(table) == {TEN: 1, TEN + HOUR: 0}


async def test_hours_without_anything_are_zeros_for_every_municipio_from_its_first_hour_on(
    run_job: RunJob, record: Record, table: Table
) -> None:
    await record(TEN)
    await record(TEN + 3 * HOUR, tenant=SINOP)
    await run_job(AGGREGATE_SYNC_METRICS, Since(), now=TEN + 4 * HOUR + minutes(20))
    assert await counted(table) == {TEN: 1, **{TEN + n * HOUR: 0 for n in range(1, 5)}}
    assert await counted(table, SINOP) == {TEN + 3 * HOUR: 1, TEN + 4 * HOUR: 0}
    row = await table.connection.fetchrow("SELECT * FROM projections.sync_metrics_hourly WHERE hour = $1", TEN + HOUR)
    assert {value for name, value in row.items() if name not in {"municipio_cod_ibge", "hour"}} == {0, None}


async def test_counting_again_changes_nothing(run_job: RunJob, record: Record, table: Table) -> None:
    await record(TEN)
    await record(TEN + minutes(1))
    first = await run_job(AGGREGATE_SYNC_METRICS, Since(), now=TEN + minutes(15))
    assert first.counts == {"hours": 1, "rows": 1}
    for again in (Since(), Since(since=TEN), Since(since=TEN - 1000 * HOUR)):
        ending = await run_job(AGGREGATE_SYNC_METRICS, again, now=TEN + minutes(15))
        assert ending.counts == {"hours": 1, "rows": 0}
    assert await counted(table) == {TEN: 2}


async def test_a_log_of_weeks_is_caught_up_and_an_empty_one_is_no_failure(
    run_job: RunJob, record: Record, table: Table
) -> None:
    assert (await run_job(AGGREGATE_SYNC_METRICS, Since(), now=TEN)).counts == {"hours": 0, "rows": 0}
    await record(TEN - 20 * 24 * HOUR)
    await record(TEN)
    ending = await run_job(AGGREGATE_SYNC_METRICS, Since(), now=TEN + minutes(1))
    assert ending.counts is not None
    assert ending.counts["rows"] == 20 * 24 + 1
    found = await counted(table)
    assert (len(found), sum(found.values())) == (20 * 24 + 1, 2)


async def test_every_outcome_is_counted_and_decisions_of_people_are_no_operations(
    run_job: RunJob, record: Record, table: Table
) -> None:
    outcomes = ["applied", "applied", "client_applied", "merged", "server_kept", "no_change", "conflict"]
    for number, outcome in enumerate(outcomes):
        await record(TEN, outcome=outcome, writer=f"device-{number % 2}", actor="ana", payload=b"12345")
    await record(TEN, outcome="resolved", writer="console:gestora", actor="gestora", payload=b"12345")
    await run_job(AGGREGATE_SYNC_METRICS, Since(), now=TEN + minutes(15))
    row = await table.connection.fetchrow("SELECT * FROM projections.sync_metrics_hourly")
    assert (row["operations"], row["conflicts"], row["resolved"]) == (7, 1, 1)
    assert [row[name] for name in ("applied", "client_applied", "merged", "server_kept", "no_change")] == [
        2,
        1,
        1,
        1,
        1,
    ]
    assert (row["devices"], row["users"], row["entities"], row["payload_bytes"]) == (2, 1, 8, 40)


async def test_what_the_server_wrote_itself_is_nobodys_operation(run_job: RunJob, record: Record, table: Table) -> None:
    await record(TEN, outcome="applied", writer="device-1", payload=b"12345")
    await record(TEN, outcome="client_applied", writer="server:techdengue", payload=b"12345")
    await run_job(AGGREGATE_SYNC_METRICS, Since(), now=TEN + minutes(15))
    row = await table.connection.fetchrow("SELECT * FROM projections.sync_metrics_hourly")
    assert [row[name] for name in ("operations", "applied", "client_applied", "devices", "payload_bytes")] == [
        1,
        1,
        0,
        1,
        5,
    ]


async def test_a_week_offline_is_no_average(run_job: RunJob, record: Record, table: Table) -> None:
    for waited in (1, 2, 3, 7 * 24 * 3600):
        await record(TEN, waited=dt.timedelta(seconds=waited))
    await record(TEN, waited=dt.timedelta(seconds=-5))  # a clock that is ahead
    await run_job(AGGREGATE_SYNC_METRICS, Since(), now=TEN + minutes(15))
    row = await table.connection.fetchrow("SELECT * FROM projections.sync_metrics_hourly")
    assert (row["waited_seconds_p50"], row["waited_seconds_max"]) == (2.0, 604800.0)


@pytest.mark.parametrize("zone", ["America/Cuiaba", "Asia/Kolkata", "UTC"])
async def test_hours_are_whole_ones_of_utc_and_of_cuiaba_wherever_the_session_is(
    run_job: RunJob, record: Record, table: Table, zone: str
) -> None:
    await table.connection.execute(f"ALTER ROLE techdengue_server SET timezone TO '{zone}'")
    try:
        midnight = dt.datetime(2026, 3, 2, 4, tzinfo=dt.UTC)  # of Cuiaba, which is 4 h behind all year round
        await record(midnight - dt.timedelta(microseconds=1))
        await record(midnight)
        await run_job(AGGREGATE_SYNC_METRICS, Since(), now=midnight + minutes(15))
    finally:
        await table.connection.execute("ALTER ROLE techdengue_server RESET timezone")
    assert await counted(table) == {midnight - HOUR: 1, midnight: 1}


async def test_two_at_once_count_once(jobs_database: Database, record: Record, table: Table) -> None:
    for number in range(20):
        await record(TEN + minutes(number))
    async with run_with(jobs_database.server_url, TEN + HOUR) as run:
        await asyncio.gather(*(aggregate_sync_metrics(run, Since()) for _ in range(4)))
    assert await counted(table) == {TEN: 20, TEN + HOUR: 0}
