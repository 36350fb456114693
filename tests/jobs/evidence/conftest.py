"""A server and a worker's jobs on one database of the test's own, and an agent who uploads."""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import asyncpg
import httpx
import pytest

from jobs import JobServices
from jobs.claims import Ending, claim
from jobs.model import AnyJob
from jobs.wrapper import execute, run_of
from techdengue.asgi import create_app
from techdengue.dev.database import Database
from techdengue.dev.seaweedfs import S3Address
from techdengue.settings import Settings
from techdengue.storage import Storage
from tests.evidence.conftest import Agent, web
from tests.http.conftest import Tokens, alive, s3_settings, settings_for, tokens
from tests.storage.conftest import storage

__all__ = ["storage", "tokens", "web"]

WorkOff = Callable[..., Awaitable[list[Ending]]]
"""`await work_off(JOB, storage=…, now=…)`: one attempt of every run of it that is due."""


@pytest.fixture
async def agent(
    jobs_database: Database, tokens: Tokens, s3: S3Address, storage: Storage, web: aiohttp.ClientSession
) -> AsyncIterator[Agent]:
    """An agent of a server on this test's database."""
    application = create_app(
        settings_for(tokens, jobs_database.server_url, **s3_settings(s3, s3_bucket=storage.bucket))
    )
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with alive(application), httpx.AsyncClient(transport=transport, base_url="http://test") as api:
        yield Agent(api, web, tokens)


@pytest.fixture
def work_off(jobs_pool: "asyncpg.Pool[Any]", job_settings: Settings, storage: Storage) -> WorkOff:
    """Runs what is queued, here, through the real wrapper."""

    async def work(job: AnyJob, *, now: dt.datetime | None = None, **services: Any) -> list[Ending]:
        if now is not None:
            moment = now
            services["clock"] = lambda: moment
        given = JobServices(pool=jobs_pool, settings=job_settings, **{"storage": storage, **services})
        claimed = await claim(jobs_pool, job.queue, [job.name], 100, "the test")
        return [await execute(each, job, run_of(each, given, "the test")) for each in claimed]

    return work
