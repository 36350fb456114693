"""What a sweep puts right, by the table alone."""

import asyncio
from typing import Any

import asyncpg
import pytest

from jobs import Dispatcher, JobServices, NoArguments, Queue
from jobs.sweep import Sweep
from techdengue.settings import Settings

from .conftest import QueueRun
from .probes import NOTE, PROBES, TIDY
from .working import Table


@pytest.fixture
def sweep(jobs_pool: "asyncpg.Pool[Any]", job_settings: Settings) -> Sweep:
    services = JobServices(pool=jobs_pool, settings=job_settings)
    return Sweep([Queue.REPORTS], list(PROBES), services, Dispatcher(""), lease_seconds=30.0, keep_days=180)


async def age(table: Table, run_id: Any, status: str, **ages: str) -> None:
    """Put a run into a state, with times so long ago."""
    times = ", ".join(f"{column} = now() - interval '{age}'" for column, age in ages.items())
    await table.connection.execute(f"UPDATE jobs.run SET status = $2, {times} WHERE run_id = $1", run_id, status)  # noqa: S608 - ours


async def test_a_lease_is_over_after_its_time_and_not_before(sweep: Sweep, queue_run: QueueRun, table: Table) -> None:
    held, over, elsewhere = [await queue_run(job, NoArguments()) for job in (NOTE, NOTE, TIDY)]
    await age(table, held, "running", heartbeat_at="29 seconds")
    await age(table, over, "running", heartbeat_at="31 seconds")
    await age(table, elsewhere, "running", heartbeat_at="31 seconds")
    await sweep.sweep()

    statuses = [(await table.run(run_id))["status"] for run_id in (held, over, elsewhere)]
    assert statuses == ["running", "queued", "queued"], "of every queue: its own worker may be gone for good"


async def test_sweeps_at_once_queue_a_run_again_once(sweep: Sweep, queue_run: QueueRun, table: Table) -> None:
    runs = [await queue_run(NOTE, NoArguments()) for _ in range(20)]
    for run_id in runs:
        await age(table, run_id, "running", heartbeat_at="1 minute")
    await asyncio.gather(*(sweep.sweep() for _ in range(4)))

    assert {(await table.run(run_id))["status"] for run_id in runs} == {"queued"}


async def test_what_ended_well_is_forgotten_after_its_days_and_a_dead_letter_never(
    sweep: Sweep, queue_run: QueueRun, table: Table
) -> None:
    for status, ago in (
        ("succeeded", "179 days"),
        ("succeeded", "181 days"),
        ("cancelled", "181 days"),
        ("failed", "900 days"),
    ):
        await age(table, await queue_run(NOTE, NoArguments(), key=f"{status}, {ago}"), status, finished_at=ago)
    waiting = await queue_run(NOTE, NoArguments(), key="waiting")
    await age(table, waiting, "queued", queued_at="900 days")
    await sweep.sweep()

    left = await table.connection.fetch("SELECT key FROM jobs.run ORDER BY key")
    assert [row["key"] for row in left] == ["failed, 900 days", "succeeded, 179 days", "waiting"]
