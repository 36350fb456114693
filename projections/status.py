"""How far every projection has followed the log."""

import asyncpg

from .engine import read_places
from .model import ProjectionStatus
from .sql_statements import STATEMENTS
from .tables import PROJECTIONS


async def status(connection: asyncpg.Connection) -> list[ProjectionStatus]:
    """Each projection's place and lag; what the intake writes is always at the end of the log."""
    places, tail = await read_places(connection, list(PROJECTIONS))
    found = []
    for name, projection in PROJECTIONS.items():
        position = tail if projection.written_by_intake else places[name]
        age = None if position >= tail else await connection.fetchval(STATEMENTS["read_lag"], position)
        found.append(
            ProjectionStatus(
                name=name,
                position=position,
                tail=tail,
                lag_events=max(0, tail - position),
                lag_seconds=max(0.0, age or 0.0),
            )
        )
    return found
