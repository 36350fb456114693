"""Both event stores keep the contract."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from eventstore import EventStore, MemoryEventStore, PostgresEventStore
from techdengue.dev.database import Database
from tests.eventstore.contract import EventStoreContract


class TestInMemory(EventStoreContract):
    @pytest.fixture
    def store(self) -> EventStore:
        return MemoryEventStore()


class TestOnPostgres(EventStoreContract):
    @pytest.fixture
    async def store(self, database: Database) -> AsyncIterator[EventStore]:
        connection = await asyncpg.connect(database.owner_url)
        transaction = connection.transaction()
        await transaction.start()  # undone afterwards: every test finds the log empty
        yield PostgresEventStore(connection)
        await transaction.rollback()
        await connection.close()
