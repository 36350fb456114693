"""Requests to a running server, waits until it has come to a state, and what keeps it from committing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from techdengue.dev.database import Database
from techdengue.domain.access import Role
from techdengue.http.local_tokens import mint_local_token

DEVICE = "android-test-123"


def operation(number: int) -> dict[str, Any]:
    """A create that always succeeds once."""
    return {
        "entity_type": "atividade",
        "entity_id": number,
        "operation": "create",
        "data": {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"},
        "client_timestamp": "2024-01-15T14:30:00Z",
        "idempotency_key": f"key-{number}",
    }


async def send(
    http: aiohttp.ClientSession, url: str, key: Path, *operations: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """POST /api/sync."""
    token = mint_local_token(key, user="ana", role=Role.CAMPO, municipios=["5103403"])
    headers = {"authorization": f"Bearer {token}", "x-device-id": DEVICE}
    async with http.post(f"{url}/api/sync", json={"operations": operations}, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def status_of(http: aiohttp.ClientSession, url: str) -> int:
    """The status of a GET."""
    async with http.get(url) as answer:
        return answer.status


@contextlib.asynccontextmanager
async def commits_held(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """Nothing is committed until the block says `ROLLBACK` on the owner's connection that it gets, or ends."""
    owner = await asyncpg.connect(database.owner_url)
    try:
        await owner.execute("BEGIN")
        await owner.execute("LOCK TABLE eventstore.lane IN ACCESS EXCLUSIVE MODE")
        yield owner
    finally:
        await owner.close()


async def until_somebody_waits(database: Database) -> None:
    """Until a session of the server waits for a lock."""
    watcher = await asyncpg.connect(database.owner_url)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    try:
        async with asyncio.timeout(20):
            while not await watcher.fetchval(waiting):  # noqa: ASYNC110 - another process's state has no event
                await asyncio.sleep(0.02)
    finally:
        await watcher.close()


async def until_refused(http: aiohttp.ClientSession, url: str) -> None:
    """Until new connections are not taken any more."""
    async with asyncio.timeout(20):
        while True:
            try:
                async with aiohttp.ClientSession() as fresh:
                    await status_of(fresh, f"{url}/health/live")
            except aiohttp.ClientError:
                return
            await asyncio.sleep(0.02)
