"""The projector outlives the database."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from projections import run
from techdengue.dev.database import Database, create_migrated
from techdengue.dev.postgres import EmbeddedPostgres

from .conftest import pool_of
from .history import Writer


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory with a short path, gone with the test."""
    directory = Path(tempfile.mkdtemp(prefix="techdengue-restart-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


async def _write(database: Database, entity_id: int) -> None:
    connection = await asyncpg.connect(database.server_url, server_settings={"role": "techdengue_intake"})
    await Writer(connection).create(entity_id, device=f"device-{entity_id}")
    await connection.close()


async def _until_seen(database: Database, count: int) -> None:
    connection = await asyncpg.connect(database.owner_url)
    async with asyncio.timeout(60):
        while await connection.fetchval("SELECT count(*) FROM projections.entity") < count:  # noqa: ASYNC110 - a table announces nothing
            await asyncio.sleep(0.05)
    await connection.close()


async def test_a_runner_goes_on_when_the_database_is_back(home: Path) -> None:
    server = EmbeddedPostgres(home / "postgres", durable=False)
    await server.start()
    stop = asyncio.Event()
    try:
        database = await create_migrated(server, "app", "server-of-the-tests")
        async with pool_of(database.server_url) as pool, asyncio.TaskGroup() as group:
            group.create_task(run(pool, stop, idle=0.01))
            await _write(database, 1)
            await _until_seen(database, 1)
            await server.stop()
            server = EmbeddedPostgres(home / "postgres", port=server.port, durable=False)
            await server.start()
            await _write(database, 2)
            await _until_seen(database, 2)
            stop.set()
    finally:
        stop.set()
        await server.stop()
