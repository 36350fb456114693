"""Both event stores keep the contract."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from eventstore import EventStore, MemoryEventStore, PostgresEventStore
from techdengue.dev.database import Database
from tests.conftest import MakeDatabase
from tests.eventstore.contract import EventStoreContract


@pytest.fixture(scope="module")
async def empty(make_database: MakeDatabase) -> Database:
    """A database that nobody else writes to."""
    return await make_database()


class TestInMemory(EventStoreContract):
    @pytest.fixture
    def store(self) -> EventStore:
        return MemoryEventStore()


class TestOnPostgres(EventStoreContract):
    @pytest.fixture
    async def store(self, empty: Database) -> AsyncIterator[EventStore]:
        connection = await asyncpg.connect(empty.owner_url)
        transaction = connection.transaction()
        await transaction.start()  # undone afterwards: every test finds the log empty
        yield PostgresEventStore(connection)
        await transaction.rollback()
        await connection.close()
