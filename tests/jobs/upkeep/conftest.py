"""A log to count from."""

import datetime as dt
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import msgspec
import pytest

from eventstore import PostgresEventStore
from techdengue.dev.database import Database
from techdengue.storage import Storage
from tests.eventstore.samples import event, unit
from tests.jobs.working import Table
from tests.storage.conftest import storage as storage

from .evidence import Files

CUIABA, SINOP = "5103403", "5107909"
Record = Callable[..., Awaitable[None]]


@pytest.fixture
async def record(jobs_database: Database) -> AsyncIterator[Record]:
    """`await record(at, tenant=…, outcome=…, writer=…, waited=timedelta)`: an event that was received at this time."""
    connection = await asyncpg.connect(jobs_database.server_url, server_settings={"role": "techdengue_intake"})
    numbers = itertools.count(1)

    async def record(
        at: dt.datetime, *, tenant: str = CUIABA, waited: dt.timedelta = dt.timedelta(0), **more: Any
    ) -> None:
        new = event(f"atividade/{next(numbers)}", 1, tenant=tenant)
        new = msgspec.structs.replace(new, recorded_at=at, occurred_at=at - waited, **more)
        await PostgresEventStore(connection).append([unit(new)])

    yield record
    await connection.close()


@pytest.fixture
def files(table: Table, storage: Storage) -> Files:
    """Evidence of this test."""
    return Files(table.connection, storage, f"test/{uuid.uuid4().hex}/")
