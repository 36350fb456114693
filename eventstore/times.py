"""Times on their way to PostgreSQL, for connections that write many: in less than half of the driver's own time.

The driver compares each time with both infinities, moves it to UTC and takes it apart, time and again for the same
one: an event has two times and its head two more, and those of a request are mostly equal.
"""

import datetime as dt
import functools
from typing import Final

import asyncpg

_EPOCH: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""From where PostgreSQL counts microseconds."""
_MICROSECOND: Final = dt.timedelta(microseconds=1)


async def write_times_quickly(connection: asyncpg.Connection) -> None:
    """Have this connection take and give times by their count of microseconds; they stay aware datetimes in UTC.

    It then knows no infinities, and no time without a zone. Raises what asyncpg raises.
    """
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", encoder=_to_count, decoder=_from_count, format="tuple"
    )


@functools.lru_cache(maxsize=4096)
def _to_count(moment: dt.datetime) -> tuple[int]:
    return ((moment - _EPOCH) // _MICROSECOND,)


def _from_count(count: tuple[int]) -> dt.datetime:
    return _EPOCH + dt.timedelta(0, 0, count[0])
