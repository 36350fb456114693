"""A database with the tests' tables, what queues and runs jobs in this process, and workers as processes."""

import contextlib
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import msgspec
import pytest

from jobs import Job, JobServices, Origin, enqueue
from jobs.claims import Ending, claim
from jobs.model import AnyJob
from jobs.services import jobs_pool as open_pool
from jobs.wrapper import execute, run_of
from techdengue.dev.database import Database
from techdengue.settings import Settings

from .probes import prepare
from .working import Table, WorkerProcess

MakeDatabase = Callable[[], Awaitable[Database]]


class RunJob(Protocol):
    """Queues a run and runs one attempt of it here, through the real wrapper."""

    def __call__(
        self,
        job: AnyJob,
        arguments: msgspec.Struct,
        *,
        now: dt.datetime | None = None,
        key: str | None = None,
        due_at: dt.datetime | None = None,
        requested_by: str | None = None,
        **services: Any,
    ) -> Awaitable[Ending]: ...


class QueueRun(Protocol):
    """Queues a run in a transaction of its own."""

    def __call__(self, job: Job[Any], arguments: msgspec.Struct, **more: Any) -> Awaitable[uuid.UUID]: ...


@pytest.fixture
async def jobs_database(make_database: MakeDatabase) -> Database:
    """A migrated database of this test alone, with the tables of `probes`."""
    database = await make_database()
    await prepare(database.owner_url)
    return database


@pytest.fixture
async def jobs_pool(jobs_database: Database) -> AsyncIterator["asyncpg.Pool[Any]"]:
    """Connections in the role of the jobs."""
    async with open_pool(jobs_database.server_url, 8) as pool:
        yield pool


@pytest.fixture
async def table(jobs_database: Database) -> AsyncIterator[Table]:
    """The tables, seen by a superuser."""
    connection = await asyncpg.connect(jobs_database.owner_url)
    yield Table(connection)
    await connection.close()


@pytest.fixture
def job_settings(jobs_database: Database, redis_url: str) -> Settings:
    """Settings of a worker on that database."""
    return Settings(database_url=jobs_database.server_url, redis_url=redis_url)


@pytest.fixture
def queue_run(jobs_pool: "asyncpg.Pool[Any]") -> QueueRun:
    """`await queue_run(NOTE, NoArguments())`; its id."""

    async def queue(job: Job[Any], arguments: msgspec.Struct, **more: Any) -> uuid.UUID:
        fields = {"key": None, "origin": Origin.REQUEST, **more}
        async with jobs_pool.acquire() as connection, connection.transaction():
            return await enqueue(connection, job, arguments, **fields)

    return queue


@pytest.fixture
def run_job(jobs_pool: "asyncpg.Pool[Any]", job_settings: Settings, queue_run: QueueRun) -> RunJob:
    """`await run_job(JOB, JobArguments(...), now=…, push=…)`: one attempt; services not named are None."""

    async def run(
        job: AnyJob,
        arguments: msgspec.Struct,
        *,
        now: dt.datetime | None = None,
        key: str | None = None,
        due_at: dt.datetime | None = None,
        requested_by: str | None = None,
        **services: Any,
    ) -> Ending:
        if now is not None:
            moment = now
            services["clock"] = lambda: moment
        given = JobServices(**{"pool": jobs_pool, "settings": job_settings, **services})
        run_id = await queue_run(job, arguments, key=key, due_at=due_at, requested_by=requested_by)
        [claimed] = await claim(jobs_pool, job.queue, [job.name], 1, "the test")
        assert claimed.run_id == run_id
        return await execute(claimed, job, run_of(claimed, given, "the test"))

    return run


class StartWorker(Protocol):
    """Starts a worker process; killed with the test."""

    def __call__(self, *arguments: str, **settings: Any) -> Awaitable[WorkerProcess]: ...


@pytest.fixture
async def start_worker(jobs_database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[StartWorker]:
    """`await start_worker("reports", job_slots=1)`."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*arguments: str, **settings: Any) -> WorkerProcess:
            log = tmp_path / f"worker-{uuid.uuid4().hex[:8]}.log"
            worker = WorkerProcess(jobs_database, settings.pop("redis_url", redis_url), log, *arguments, **settings)
            stack.push_async_callback(worker.kill)
            await worker.start()
            return worker

        yield start
