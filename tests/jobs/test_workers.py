"""Worker processes: what becomes of runs whatever happens to the workers, to Redis, and to the run."""

import asyncio

import redis.asyncio

from jobs import NoArguments

from .conftest import QueueRun, StartWorker
from .probes import FAIL, NOTE, WAIT, Failing, Gated
from .working import Table


async def test_a_worker_runs_what_is_queued(start_worker: StartWorker, queue_run: QueueRun, table: Table) -> None:
    run_id = await queue_run(NOTE, NoArguments())
    await start_worker("reports")

    row = await table.ended(run_id)

    assert (row["status"], await table.effects(run_id, "noted")) == ("succeeded", 1)


async def test_a_run_that_fails_for_a_while_succeeds_in_the_end(
    start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    well, never = await queue_run(FAIL, Failing(times=2)), await queue_run(FAIL, Failing(times=99))
    await start_worker("reports")

    assert [(row := await table.ended(well))["status"], row["attempts"]] == ["succeeded", 3]
    assert [(row := await table.ended(never))["status"], row["attempts"]] == ["failed", 4]


async def test_the_run_of_a_killed_worker_is_run_again_by_another(
    start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    first = await start_worker("reports")
    run_id = await queue_run(WAIT, Gated(gate="a"))
    await table.has_begun(run_id)

    await first.kill()
    await start_worker("reports")
    await table.has_begun(run_id, times=2)
    await table.open("a")

    row = await table.ended(run_id)
    assert (row["status"], row["attempts"], await table.effects(run_id, "ended")) == ("succeeded", 2, 1)


async def test_a_worker_that_is_asked_to_stop_hands_its_run_to_another(
    start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    first = await start_worker("reports")
    run_id = await queue_run(WAIT, Gated(gate="a"))
    await table.has_begun(run_id)

    assert await first.stop() == 0
    row = await table.run(run_id)
    assert (row["status"], row["attempts"]) == ("queued", 0), "the attempt does not count"

    await table.open("a")
    await start_worker("reports")
    assert (await table.ended(run_id))["status"] == "succeeded"


async def test_two_workers_share_the_runs_and_each_is_run_once(
    start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    await asyncio.gather(start_worker("reports"), start_worker("reports"))
    runs = [await queue_run(NOTE, NoArguments()) for _ in range(100)]

    for run_id in runs:
        assert (await table.ended(run_id))["attempts"] == 1
    assert await table.connection.fetchval("SELECT count(*) FROM jobs.effect") == 100


async def test_work_goes_on_when_redis_is_flushed(
    start_worker: StartWorker, queue_run: QueueRun, table: Table, redis_url: str
) -> None:
    await start_worker("reports")
    runs = [await queue_run(NOTE, NoArguments()) for _ in range(10)]
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await client.flushall()
    runs += [await queue_run(NOTE, NoArguments()) for _ in range(10)]

    assert {(await table.ended(run_id))["status"] for run_id in runs} == {"succeeded"}


async def test_work_goes_on_without_redis(start_worker: StartWorker, queue_run: QueueRun, table: Table) -> None:
    await start_worker("reports", redis_url="redis://127.0.0.1:1/0")
    runs = [await queue_run(NOTE, NoArguments()) for _ in range(10)]

    assert {(await table.ended(run_id))["status"] for run_id in runs} == {"succeeded"}
