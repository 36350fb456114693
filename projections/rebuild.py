"""A projection built anew beside the live table, which readers use until the new one takes its place at once."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import structlog

from eventstore import CheckpointMoved, PostgresEventStore

from .engine import PIECE, apply_piece, read_places
from .errors import RebuildRunning
from .folding import LogFold
from .sql_statements import NEXT, STATEMENTS
from .tables import PROJECTIONS, Projection

Progress = Callable[[int, int], None]
"""Called with how far it is, and how far it goes."""

_HOLD_TIMEOUT = "2s"

log = structlog.get_logger(__name__)


def silent(done: int, total: int) -> None:
    """Tell nobody."""


async def rebuild(connection: asyncpg.Connection, name: str, progress: Progress = silent, *, piece: int = PIECE) -> int:
    """Build `name` from the whole log and swap it in; answer the position that it holds then.

    The connection's role is techdengue_projector; it is in no transaction. Readers and the projector go on
    meanwhile; only the last events are applied while the live table is held. Raises KeyError for an unknown name,
    RebuildRunning, GapInLog, ReplayDiverged; then the live table is as it was.
    """
    projection = PROJECTIONS[name]
    async with _alone(connection, name):
        await connection.execute(STATEMENTS["begin_rebuild"], name)
        fold = LogFold()
        while True:
            await _build(connection, projection, fold, progress, piece)
            try:
                return await _swap(connection, projection, fold, progress, piece)
            except asyncpg.LockNotAvailableError:
                log.info("rebuild_waits_for_readers", projection=name)
            except CheckpointMoved:  # the projector passed over events that left no row, for which it needs no lock
                log.info("rebuild_swaps_again", projection=name)


@asynccontextmanager
async def _alone(connection: asyncpg.Connection, name: str) -> AsyncIterator[None]:
    lock = f"rebuild.{name}"
    if not await connection.fetchval(STATEMENTS["try_lock"], lock):
        raise RebuildRunning(name=name)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute(STATEMENTS["unlock"], lock)


async def _build(
    connection: asyncpg.Connection, projection: Projection, fold: LogFold, progress: Progress, piece: int
) -> None:
    """Follow the log until less than a piece is left."""
    while True:
        async with connection.transaction():
            if await _advance(connection, projection, fold, progress, piece) < piece:
                return


async def _swap(
    connection: asyncpg.Connection, projection: Projection, fold: LogFold, progress: Progress, piece: int
) -> int:
    """Hold the live table, apply what is left, and rename. Raises LockNotAvailableError when somebody uses it."""
    name, beside = projection.name, _beside(projection)
    async with connection.transaction():
        await connection.execute(STATEMENTS["hold_table"], name, _HOLD_TIMEOUT)
        while await _advance(connection, projection, fold, progress, piece):
            pass
        places, _ = await read_places(connection, [name, beside])
        await connection.execute(STATEMENTS["finish_rebuild"], name)
        await connection.execute(STATEMENTS["forget_checkpoint"], beside)
        if not projection.written_by_intake:
            await PostgresEventStore(connection).advance(name, places[name], places[beside])
        return places[beside]


async def _advance(
    connection: asyncpg.Connection, projection: Projection, fold: LogFold, progress: Progress, piece: int
) -> int:
    beside = _beside(projection)
    places, tail = await read_places(connection, [beside])
    position = places[beside]
    if position == tail:
        progress(position, tail)
        return 0
    last = await apply_piece(
        connection, fold, {beside: projection}, after=position, up_to=tail, schema=NEXT, piece=piece
    )
    progress(last, tail)
    return last - position


def _beside(projection: Projection) -> str:
    return f"{projection.name}__next"
