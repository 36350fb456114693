"""A connection that writes times quickly writes the same ones."""

import datetime as dt
from collections.abc import AsyncIterator

import asyncpg
import pytest

from eventstore import write_times_quickly
from techdengue.dev.database import Database

CUIABA = dt.timezone(dt.timedelta(hours=-4))
MOMENTS = [
    dt.datetime(1, 1, 1, 0, 0, 0, 1, dt.UTC),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, dt.UTC),
    dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2024, 2, 29, 20, 30, 15, 123_456, CUIABA),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999_998, dt.UTC),
]
"""The last µs of 9999 is missing: the driver's own way makes it an infinity."""
WRITER_ROWS = [(number, f"writer {number}", None, moment) for number, moment in enumerate(MOMENTS)]
CLOCKS = "SELECT clock FROM unnest($1::eventstore.writer_row[])"


@pytest.fixture
async def quick(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection that does."""
    connection = await asyncpg.connect(database.owner_url)
    await write_times_quickly(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def plain(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """One as the driver makes it."""
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
async def test_a_time_is_written_as_the_driver_writes_it(
    quick: asyncpg.Connection, plain: asyncpg.Connection, moment: dt.datetime
) -> None:
    text = "SELECT to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    assert await quick.fetchval(text, moment) == await plain.fetchval(text, moment)


async def test_times_in_rows_come_back_aware_and_in_utc(quick: asyncpg.Connection) -> None:
    found = [row["clock"] for row in await quick.fetch(CLOCKS, WRITER_ROWS)]
    assert found == MOMENTS
    assert {moment.utcoffset() for moment in found} == {dt.timedelta(0)}


async def test_a_time_without_a_zone_is_refused(quick: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.DataError):
        await quick.fetchval("SELECT $1::timestamptz", dt.datetime(2024, 1, 1))  # noqa: DTZ001 - that is the point
