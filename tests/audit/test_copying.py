"""Every batch of a device comes into the trail once, though a smaller id may become visible after a larger one."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from techdengue.audit.copying import RequestCopier
from techdengue.dev.database import Database

from .conftest import CUIABA, Read

_REQUEST = """
INSERT INTO techdengue.sync_request (device_id, user_id, batch_id, received_at, municipios, address)
VALUES ($1, 'ana', 'batch-1', $2, $3, '198.51.100.4')
"""
_AT = dt.datetime(2024, 1, 15, 18, 2, 11, tzinfo=dt.UTC)
Connect = Callable[[], Awaitable[asyncpg.Connection]]


@pytest.fixture
async def connect(empty: Database) -> AsyncIterator[Connect]:
    """Opens connections of the intake."""
    opened: list[asyncpg.Connection] = []

    async def connect() -> asyncpg.Connection:
        opened.append(await asyncpg.connect(empty.server_url, server_settings={"role": "techdengue_intake"}))
        return opened[-1]

    yield connect
    for connection in opened:
        await connection.close()


async def request(connection: asyncpg.Connection, device: str) -> None:
    """A batch of this device."""
    await connection.execute(_REQUEST, device, _AT, [CUIABA])


async def test_a_batch_says_who_sent_it_when_and_from_where(
    connect: Connect, pool: "asyncpg.Pool[Any]", read: Read
) -> None:
    await request(await connect(), "tablet-1")
    assert await RequestCopier(pool, timeout=10).copy() == 1
    assert await RequestCopier(pool, timeout=10).copy() == 0
    (row,) = await read()
    assert (row["audit_id"], row["at"], row["user_id"], row["device_id"]) == (1, _AT, "ana", "tablet-1")
    assert (row["action"], row["target_type"], row["target_id"]) == ("sync", "batch", "batch-1")
    assert (row["municipios"], str(row["address"]), row["outcome"]) == ([CUIABA], "198.51.100.4", "allowed")


async def test_a_batch_that_becomes_visible_late_is_waited_for(
    connect: Connect, pool: "asyncpg.Pool[Any]", read: Read
) -> None:
    late, early = await connect(), await connect()
    transaction = late.transaction()
    await transaction.start()
    await request(late, "drew-first")
    await request(early, "committed-first")
    copying = asyncio.create_task(RequestCopier(pool, timeout=10).copy())
    done, _ = await asyncio.wait({copying}, timeout=0.3)
    assert not done
    assert await read() == []
    await transaction.commit()
    assert await copying == 2
    assert [row["device_id"] for row in await read()] == ["drew-first", "committed-first"]


async def test_a_batch_that_is_never_committed_holds_up_nobody(
    connect: Connect, pool: "asyncpg.Pool[Any]", read: Read
) -> None:
    lost, kept = await connect(), await connect()
    transaction = lost.transaction()
    await transaction.start()
    await request(lost, "lost")
    await request(kept, "kept")
    await transaction.rollback()
    assert await RequestCopier(pool, timeout=10).copy() == 1
    assert [row["device_id"] for row in await read()] == ["kept"]


async def test_several_copiers_copy_each_batch_once_while_others_come(
    connect: Connect, pool: "asyncpg.Pool[Any]", read: Read
) -> None:
    async def send(sender: int) -> None:
        connection = await connect()
        for number in range(100):
            await request(connection, f"{sender}-{number}")

    async def copy(until: asyncio.Event) -> int:
        copied, over = 0, False
        while not over:
            over = until.is_set()
            copied += await RequestCopier(pool, timeout=10).copy()
        return copied

    sent = asyncio.Event()
    copying = [asyncio.create_task(copy(sent)) for _ in range(2)]
    await asyncio.gather(*(send(sender) for sender in range(6)))
    sent.set()
    assert sum(await asyncio.gather(*copying)) == 600
    rows = await read()
    assert [row["audit_id"] for row in rows] == list(range(1, 601))
    assert len({row["device_id"] for row in rows}) == 600
