"""A fresh database for each test, its writer, and connections in the roles of the server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from techdengue.dev.database import Database

from .history import Writer

Connect = Callable[[str], Awaitable[asyncpg.Connection]]


@pytest.fixture
async def fresh(make_database: Callable[[], Awaitable[Database]]) -> Database:
    """A database that nobody else writes to."""
    return await make_database()


@pytest.fixture
async def connect(fresh: Database) -> AsyncIterator[Connect]:
    """Opens connections in a role of the server; closed after the test."""
    async with AsyncExitStack() as stack:

        async def open_as(role: str) -> asyncpg.Connection:
            connection = await asyncpg.connect(fresh.server_url, server_settings={"role": role})
            stack.push_async_callback(connection.close)
            return connection

        yield open_as


@pytest.fixture
async def owner(fresh: Database) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, who may break what nobody else can."""
    connection = await asyncpg.connect(fresh.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def projector(connect: Connect) -> asyncpg.Connection:
    """A connection of the projector."""
    return await connect("techdengue_projector")


@pytest.fixture
async def reader(connect: Connect) -> asyncpg.Connection:
    """A connection of the readers."""
    return await connect("techdengue_reader")


@pytest.fixture
async def writer(connect: Connect) -> Writer:
    """Appends as the intake does."""
    return Writer(await connect("techdengue_intake"))


@asynccontextmanager
async def pool_of(url: str, **more: Any) -> AsyncIterator[asyncpg.Pool]:
    """A pool of the projector's role."""
    async with asyncpg.create_pool(
        url, min_size=0, max_size=2, server_settings={"role": "techdengue_projector"}, **more
    ) as pool:
        yield pool


async def rows_of(owner: asyncpg.Connection) -> dict[str, list[str]]:
    """Every projection's rows, as text, in order."""
    return {
        table: sorted(
            row[0]
            for row in await owner.fetch(f"SELECT t::text FROM projections.{table} AS t")  # noqa: S608 - fixed names
        )
        for table in ("entity", "conflict", "atividade", "evidencia", "device_status")
    }
