"""Worker processes: what becomes of runs whatever happens to the workers, to Redis, and to the run."""

import asyncio
import os
import signal
from typing import Any

import msgspec
import redis.asyncio

from jobs import Dispatcher, NoArguments, Queue
from jobs.dispatch import QUEUE_NAME
from techdengue.dev.database import Database

from .conftest import QueueRun, StartWorker
from .probes import FAIL, LEAD, NOTE, QUICKLY, WAIT, Failing, Gated
from .working import Table, until


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


async def test_a_worker_that_slept_through_its_lease_may_not_say_how_the_run_ended(
    start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    asleep = await start_worker("reports")
    run_id = await queue_run(WAIT, Gated(gate="a"))
    await table.has_begun(run_id)
    os.kill(asleep.pid, signal.SIGSTOP)
    awake = await start_worker("reports")
    await table.has_begun(run_id, times=2)

    os.kill(asleep.pid, signal.SIGCONT)

    async def has_noticed() -> bool:
        return '"event":"job_lost"' in asleep.read_log()

    await until(has_noticed)
    assert (await table.run(run_id))["status"] == "running", "what the first one says is not recorded"
    await table.open("a")
    row = await table.ended(run_id)
    assert (row["status"], row["attempts"], await table.effects(run_id, "ended")) == ("succeeded", 2, 1)
    awake.check_running()
    assert await asleep.stop() == 0


async def test_a_run_that_loses_its_worker_every_time_is_a_dead_letter(
    start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    run_id = await queue_run(WAIT, Gated(gate="never"))
    for attempt in range(1, QUICKLY.attempts + 1):
        worker = await start_worker("reports")
        await table.has_begun(run_id, times=attempt)
        await worker.kill()
    await start_worker("reports")

    row = await table.ended(run_id)
    assert (row["status"], row["attempts"], row["error"].partition(":")[0]) == ("failed", 4, "WorkerLost")


async def test_workers_wait_for_a_database_that_is_away(
    start_worker: StartWorker, queue_run: QueueRun, table: Table, jobs_database: Database
) -> None:
    worker = await start_worker("reports")
    await table.ended(await queue_run(NOTE, NoArguments()))
    name = jobs_database.name
    await table.connection.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
    await table.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()", name
    )

    async def has_said() -> bool:
        return '"event":"runs_not_claimed"' in worker.read_log()

    await until(has_said)
    await table.connection.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
    assert (await table.ended(await queue_run(NOTE, NoArguments())))["status"] == "succeeded"
    worker.check_running()


async def test_what_follows_from_a_run_is_hinted_into_its_own_queue(
    start_worker: StartWorker, queue_run: QueueRun, table: Table
) -> None:
    await start_worker("reports", job_poll_seconds=20)
    await start_worker("cleanup", job_poll_seconds=20)
    await queue_run(LEAD, NoArguments())

    async def followed() -> Any:
        return await table.connection.fetchval(
            "SELECT run_id FROM jobs.run WHERE job = 'tidy' AND status = 'succeeded' AND origin = 'job'"
        )

    await until(followed, seconds=30)


async def test_what_somebody_else_puts_into_redis_ends_no_worker_and_its_hints_come_again(
    start_worker: StartWorker, queue_run: QueueRun, table: Table, redis_url: str
) -> None:
    worker = await start_worker("reports", job_poll_seconds=300)
    name = QUEUE_NAME.format(queue="reports")
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        for nonsense in (b"\xff\xfe", b"no such hint"):
            await client.zadd(name, {nonsense: 1})

            async def is_gone() -> bool:
                return not await client.exists(name)

            await until(is_gone)
        await client.set("arq:job:a", msgspec.msgpack.encode({"f": [1], "a": (), "k": {}, "t": None, "et": 0}))
        await client.zadd(name, {"a": 1})
        await until(is_gone)
    run_id = await queue_run(NOTE, NoArguments())
    dispatcher = Dispatcher(redis_url)
    async with dispatcher.running(), asyncio.timeout(60):
        while (await table.run(run_id))["finished_at"] is None:
            dispatcher.hint([Queue.REPORTS])
            await asyncio.sleep(0.1)
    worker.check_running()
