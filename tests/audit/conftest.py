"""A database of one's own, pools of the auditor, and entries."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from techdengue.audit import AUDITOR, Action, AuditTrail, Entry
from techdengue.dev.database import Database
from tests.conftest import MakeDatabase

CUIABA, SINOP = "5103403", "5107909"


@pytest.fixture
async def empty(make_database: MakeDatabase) -> Database:
    """A database whose trail is empty."""
    return await make_database()


@pytest.fixture
async def pool(empty: Database) -> AsyncIterator["asyncpg.Pool[Any]"]:
    """Connections of the auditor to it."""
    async with asyncpg.create_pool(
        empty.server_url, min_size=0, max_size=4, server_settings={"role": AUDITOR}
    ) as opened:
        yield opened


@pytest.fixture
async def trail(pool: "asyncpg.Pool[Any]") -> AsyncIterator[AuditTrail]:
    """The trail of it."""
    trail = AuditTrail(pool, timeout=10)
    async with trail.running():
        yield trail


Read = Callable[[], Awaitable[list[asyncpg.Record]]]


@pytest.fixture
async def read(pool: "asyncpg.Pool[Any]") -> Read:
    """Reads the whole trail."""

    async def read() -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await pool.fetch("SELECT * FROM techdengue.audit ORDER BY audit_id")
        return found

    return read


def entry(number: int = 1, **more: Any) -> Entry:
    """Somebody reads an atividade."""
    said: dict[str, Any] = {
        "action": Action.READ_ENTITY,
        "status": 200,
        "user": "ana",
        "role": "VIGILANCIA",
        "target_type": "atividade",
        "target_id": str(number),
        "municipios": (CUIABA,),
        "address": "203.0.113.7",
        "request_id": f"r-{number}",
    }
    return Entry(**(said | more))
