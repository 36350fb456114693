"""A stand-in for FCM for each test, and a client that talks to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from jobs.push import Pusher
from jobs.push.client import FcmClient, open_client
from jobs.push.service_account import read_service_account
from jobs.services import JobServices, jobs_pool
from techdengue.dev.database import Database
from techdengue.settings import Settings

from .clock import Clock
from .delivering import Site
from .fcm import StandIn


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is moved."""
    return Clock()


@pytest.fixture
async def fcm() -> AsyncIterator[StandIn]:
    """The stand-in, running."""
    async with StandIn().running() as stand_in:
        yield stand_in


@pytest.fixture
def account_file(fcm: StandIn, tmp_path: Path) -> Path:
    """A service account's key file."""
    return fcm.write_service_account(tmp_path / "service-account.json")


@pytest.fixture
async def client(fcm: StandIn, account_file: Path, clock: Clock) -> AsyncIterator[FcmClient]:
    """A client whose patience is short."""
    limits = aiohttp.ClientTimeout(total=1.0)
    async with open_client(
        read_service_account(account_file), endpoint=fcm.url, connections=8, clock=clock, time_limits=limits
    ) as opened:
        yield opened


@pytest.fixture
async def pusher(client: FcmClient, clock: Clock) -> Pusher:
    """A pusher whose pauses follow the test's clock, without chance."""
    return Pusher(client, per_minute=60_000, at_once=8, now=lambda: clock().timestamp(), chance=lambda: 0.0)


@pytest.fixture
async def site(make_database: Callable[[], Awaitable[Database]], pusher: Pusher, clock: Clock) -> AsyncIterator[Site]:
    """A database of this test alone, and jobs that push to the stand-in."""
    database = await make_database()
    owner = await asyncpg.connect(database.owner_url)
    async with jobs_pool(database.server_url, 8) as pool:
        settings = Settings(database_url=database.server_url)
        yield Site(owner, JobServices(pool=pool, settings=settings, clock=clock, push=pusher), clock)
    await owner.close()
