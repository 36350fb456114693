"""What the jobs of a worker work with, and how it is put together from the settings."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import asyncpg
import msgspec

from techdengue.settings import Settings
from techdengue.storage import Storage, address_of, open_storage

from .push import Pusher, open_pusher

ROLE: Final = "techdengue_jobs"
CONNECT_SECONDS: Final = 5.0
STATEMENT_SECONDS: Final = 60.0
"""Of one statement; what takes longer says so (`timeout=`)."""
IDLE_SECONDS: Final = 300.0
_CLOSE_SECONDS: Final = 5.0


def utc_now() -> dt.datetime:
    """The time, aware."""
    return dt.datetime.now(dt.UTC)


class JobServices(msgspec.Struct, frozen=True, kw_only=True):
    """Handed to every handler as `run.services`."""

    pool: "asyncpg.Pool[Any]"
    """Connections of the role `techdengue_jobs`."""
    settings: Settings
    storage: Storage | None = None
    """None where no bucket is set."""
    clock: Callable[[], dt.datetime] = utc_now
    push: Pusher | None = None
    """None: no service account is set, and no message is sent."""


@contextlib.asynccontextmanager
async def opened(settings: Settings, connections: int) -> AsyncIterator[JobServices]:
    """Everything that jobs need, for as long as the context. It opens nothing before it is asked for it."""
    pool = jobs_pool(settings.database_url, connections)
    await pool
    try:
        async with _store(settings) as storage, open_pusher(settings, clock=utc_now) as push:
            yield JobServices(pool=pool, settings=settings, storage=storage, push=push)
    finally:
        await _close(pool)


@contextlib.asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Storage | None]:
    address = address_of(settings)
    if address is None:
        yield None
        return
    async with open_storage(address, attempt_seconds=settings.s3_timeout) as storage:
        yield storage


def jobs_pool(url: str, connections: int) -> "asyncpg.Pool[Any]":
    """A pool in the role of the jobs, empty until it is asked."""
    return asyncpg.create_pool(
        url,
        min_size=0,
        max_size=connections,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        max_inactive_connection_lifetime=IDLE_SECONDS,
        server_settings={"role": ROLE, "application_name": ROLE, "jit": "off"},
    )


async def _close(pool: "asyncpg.Pool[Any]") -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:
        pool.terminate()
