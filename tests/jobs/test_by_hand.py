"""What people do to runs: cancel one that waits or works, try a dead letter again, start one with a key."""

import asyncio
import json
import urllib.request
from typing import Any

import asyncpg
import pytest

from jobs import NoArguments, Status
from jobs.errors import KeyReused
from jobs.requests import cancel, retry, start

from .conftest import QueueRun, RunJob, StartWorker
from .probes import ALONE, FAIL, NOTE, REFUSE, STEP, WAIT, Failing, Gated
from .working import Table, until


async def test_a_run_that_waits_is_cancelled_at_once(
    jobs_pool: "asyncpg.Pool[Any]", queue_run: QueueRun, table: Table
) -> None:
    run_id = await queue_run(NOTE, NoArguments())
    async with jobs_pool.acquire() as connection:
        assert await cancel(connection, run_id) is Status.CANCELLED
        assert await cancel(connection, run_id) is None

    row = await table.run(run_id)
    assert (row["status"], row["attempts"]) == ("cancelled", 0)


@pytest.mark.parametrize("job", [WAIT, STEP], ids=["in a wait of its own", "in its steps"])
async def test_a_run_at_work_is_cancelled_by_its_worker(
    job: Any, jobs_pool: "asyncpg.Pool[Any]", start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    await start_worker("reports")
    run_id = await queue_run(job, Gated(gate="never"))
    await table.has_begun(run_id)
    async with jobs_pool.acquire() as connection:
        assert await cancel(connection, run_id) is Status.RUNNING

    row = await table.ended(run_id)
    assert (row["status"], row["attempts"], row["error"]) == ("cancelled", 1, None)


async def test_a_run_whose_worker_died_is_cancelled_and_not_run_again(
    jobs_pool: "asyncpg.Pool[Any]", start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    worker = await start_worker("reports", job_lease_seconds=3)
    run_id = await queue_run(WAIT, Gated(gate="never"))
    await table.has_begun(run_id)
    await worker.kill()
    async with jobs_pool.acquire() as connection:
        await cancel(connection, run_id)
    await start_worker("reports", job_lease_seconds=3)

    assert (await table.ended(run_id))["status"] == "cancelled"
    assert await table.effects(run_id, "began") == 1


async def test_how_far_a_run_is_can_be_seen(start_worker: StartWorker, queue_run: QueueRun, table: Table) -> None:
    await start_worker("reports")
    run_id = await queue_run(STEP, Gated(gate="a"))

    async def has_progress() -> Any:
        return (await table.run(run_id))["progress"]

    progress = json.loads(await until(has_progress))
    assert progress["total"] is None
    assert progress["found"] == 2 * progress["done"] > 0
    await table.open("a")
    assert json.loads((await table.ended(run_id))["counts"])["steps"] >= progress["done"]


async def test_a_dead_letter_is_tried_again_with_all_its_attempts(
    jobs_pool: "asyncpg.Pool[Any]", run_job: RunJob, start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    await start_worker("reports")
    run_id = await queue_run(FAIL, Failing(times=5))
    assert (await table.ended(run_id))["attempts"] == 4
    async with jobs_pool.acquire() as connection:
        assert await retry(connection, run_id, FAIL.name)
        assert not await retry(connection, run_id, FAIL.name), "it is no dead letter any more"

    row = await table.ended(run_id)
    assert (row["status"], row["attempts"], row["error"]) == ("succeeded", 6, None)


async def test_a_key_starts_one_run_and_names_its_arguments(jobs_pool: "asyncpg.Pool[Any]", table: Table) -> None:
    async with jobs_pool.acquire() as connection:
        first = await start(connection, WAIT, Gated(gate="a"), requested_by="ana", key="k")
        assert await start(connection, WAIT, Gated(gate="a"), requested_by="ana", key="k") == first
        assert await start(connection, WAIT, Gated(gate="a"), requested_by="bia", key="k") != first
        with pytest.raises(KeyReused):
            await start(connection, WAIT, Gated(gate="b"), requested_by="ana", key="k")
    assert await table.connection.fetchval("SELECT count(*) FROM jobs.run") == 2


async def test_a_key_is_its_users_own_whatever_either_is_called(jobs_pool: "asyncpg.Pool[Any]", table: Table) -> None:
    async with jobs_pool.acquire() as connection:
        first = await start(connection, WAIT, Gated(gate="a"), requested_by="a/b", key="c")
        assert await start(connection, WAIT, Gated(gate="a"), requested_by="a", key="b/c") != first
        assert await start(connection, WAIT, Gated(gate="a"), requested_by="a/b", key="c") == first


async def test_two_runs_of_an_exclusive_job_never_work_at_once(
    start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    for _ in range(2):
        await start_worker("reports")
    runs = [await queue_run(ALONE, Gated(gate="a")) for _ in range(2)]

    async def handed_back() -> Any:
        return await table.connection.fetchval(
            "SELECT count(*) = 1 FROM jobs.run WHERE status = 'queued' AND next_at > now()"
        )

    await until(handed_back)
    assert await table.connection.fetchval("SELECT count(*) FROM jobs.effect WHERE what = 'began'") == 1
    await table.open("a")
    rows = [await table.ended(run_id) for run_id in runs]
    assert [(row["status"], row["attempts"]) for row in rows] == [("succeeded", 1)] * 2
    first, second = sorted(rows, key=lambda row: row["started_at"])
    assert second["started_at"] >= first["finished_at"]


async def test_a_job_that_a_worker_does_not_know_waits_for_a_newer_one_and_is_said_once(
    start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    old = await start_worker("reports", "--without", "note")
    run_id = await queue_run(NOTE, NoArguments())

    async def has_said() -> bool:
        return '"event":"job_unknown"' in old.read_log()

    await until(has_said)
    later = await queue_run(WAIT, Gated(gate="a"))
    await table.has_begun(later)
    assert (await table.run(run_id))["status"] == "queued"
    assert old.read_log().count('"event":"job_unknown"') == 1

    await start_worker("reports")
    assert (await table.ended(run_id))["attempts"] == 1


async def test_a_worker_answers_for_its_health_and_its_numbers(
    start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    worker = await start_worker("reports")
    await table.ended(await queue_run(NOTE, NoArguments()))
    await table.ended(await queue_run(REFUSE, NoArguments()))

    def get(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}{path}", timeout=10) as answer:
            assert answer.status == 200
            return str(answer.read().decode())

    assert "ok" in await asyncio.to_thread(get, "/health/live")
    assert "ok" in await asyncio.to_thread(get, "/health/ready")
    numbers = await asyncio.to_thread(get, "/metrics")
    assert 'job_runs_total{job="note",outcome="succeeded",queue="reports"} 1.0' in numbers
    assert 'job_runs_total{job="refuse",outcome="failed",queue="reports"} 1.0' in numbers
    assert 'job_duration_seconds_count{job="note",queue="reports"} 1.0' in numbers
    for name in ("job_queue_depth", "job_queue_oldest_seconds", "worker_heartbeat_timestamp_seconds", "outbox_pending"):
        assert f"\n{name}" in numbers


async def test_a_worker_that_ends_is_forgotten(start_worker: StartWorker, table: Table) -> None:
    worker = await start_worker("reports")

    async def is_one() -> bool:
        return await table.workers() == 1

    await until(is_one)
    assert await worker.stop() == 0
    assert await table.workers() == 0
