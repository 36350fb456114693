"""A store, and a stage with activities and evidence in a database of the test's own."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from techdengue.dev.database import Database
from techdengue.dev.seaweedfs import S3Address
from techdengue.storage import Storage, open_storage
from tests.storage.conftest import address_at

from .stage import Stage


@pytest.fixture(scope="session")
async def storage(s3: S3Address) -> AsyncIterator[Storage]:
    """A store that is open as long as the tests run."""
    async with open_storage(address_at(s3), attempt_seconds=10.0) as opened:
        yield opened


@pytest.fixture
async def stage(jobs_database: Database, storage: Storage) -> AsyncIterator[Stage]:
    """What reports are made of."""
    connection = await asyncpg.connect(jobs_database.owner_url)
    yield Stage(connection, storage)
    await connection.close()
