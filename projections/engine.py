"""The projector: follows the log and keeps every projection's table as the log says.

What a piece of the log does to the tables and how far they have come is one transaction. Positions are read anew
for every piece, so a restart, a second runner or a rebuild that moved a checkpoint can neither double nor skip.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog

from eventstore import DATABASE_AWAY, CheckpointMoved, GapInLog, PostgresEventStore, assert_gapless

from .folding import LogFold
from .sql_statements import LIVE, STATEMENTS
from .tables import FOLLOWERS, Projection

PIECE: Final = 1000
"""Events that are applied in one transaction."""
_IDLE = 0.1
_STANDBY = 1.0
_RETRY_FIRST, _RETRY_LAST = 0.1, 5.0
_ACQUIRE_TIMEOUT = 10.0
_RUNNER = "runner"

_AWAY = (*DATABASE_AWAY, asyncpg.exceptions.TransactionRollbackError)
"""The database is away, restarting, or undid a transaction: all of it is tried again."""

log = structlog.get_logger(__name__)


async def run(pool: asyncpg.Pool, stop: asyncio.Event, *, idle: float = _IDLE, piece: int = PIECE) -> None:
    """Follow the log until `stop` is set; the pool's role is techdengue_projector.

    One runner works at a time, others stand by. A database that goes away is waited for. Raises GapInLog and
    ReplayDiverged: those are no passing trouble, and nothing is projected beyond them.
    """
    pause = _RETRY_FIRST
    while not stop.is_set():
        try:
            async with pool.acquire(timeout=_ACQUIRE_TIMEOUT) as connection:
                try:
                    if await _take_lead(connection, stop):
                        pause = _RETRY_FIRST
                        await _lead(connection, stop, idle, piece)
                except _AWAY:
                    connection.terminate()  # whatever state it is in, the pool shall not lend it again
                    raise
        except _AWAY as error:
            log.warning("projector_disconnected", error=type(error).__name__, retry_seconds=pause)
            await _wait(stop, pause)
            pause = min(pause * 2, _RETRY_LAST)


async def catch_up(connection: asyncpg.Connection, *, piece: int = PIECE) -> int:
    """Bring all projections to the end of the log as it is now; answer the events applied."""
    fold, applied = LogFold(), 0
    while moved := await advance(connection, fold, FOLLOWERS, piece=piece):
        applied += moved
    return applied


async def advance(
    connection: asyncpg.Connection, fold: LogFold, projections: Sequence[Projection], *, piece: int = PIECE
) -> int:
    """Apply the next piece of the log to those projections that are furthest behind; answer how many events.

    Raises GapInLog, ReplayDiverged, CheckpointMoved; then nothing has changed.
    """
    async with connection.transaction():
        names = [projection.name for projection in projections]
        places, tail = await read_places(connection, names)
        behind = min(places.values())
        if behind == tail:
            return 0
        group = [projection for projection in projections if places[projection.name] == behind]
        ahead = [place for place in places.values() if place > behind]
        last = await apply_piece(
            connection,
            fold,
            {projection.name: projection for projection in group},
            after=behind,
            up_to=min([tail, *ahead]),
            piece=piece,
        )
        return last - behind


async def apply_piece(
    connection: asyncpg.Connection,
    fold: LogFold,
    projections: dict[str, Projection],
    *,
    after: int,
    up_to: int,
    schema: str = LIVE,
    piece: int = PIECE,
) -> int:
    """Apply at most `piece` events after `after` and not beyond `up_to`, and move the checkpoints that name them.

    The caller owns the transaction. Answers the last position applied.
    """
    if up_to < after:
        raise GapInLog(lane=0, expected=after, found=up_to)  # the log ends before: an older backup was restored
    store = PostgresEventStore(connection)
    events = await store.read_all(after, min(piece, up_to - after))
    last = assert_gapless(after, events)
    if last == after and up_to > after:
        raise GapInLog(lane=0, expected=after + 1, found=up_to)
    steps = await fold.fold(store, events)
    for checkpoint, projection in projections.items():
        await projection.apply(connection, steps, schema)
        await store.advance(checkpoint, after, last)
    return last


async def read_places(connection: asyncpg.Connection, names: Sequence[str]) -> tuple[dict[str, int], int]:
    """Where these followers stand, and the last position of the log, all at one moment."""
    rows = await connection.fetch(STATEMENTS["read_checkpoints"], list(names))
    return {row["name"]: row["position"] for row in rows}, rows[0]["tail"]


async def _take_lead(connection: asyncpg.Connection, stop: asyncio.Event) -> bool:
    """Wait until no other runner works; false when `stop` came first."""
    waiting = False
    while not stop.is_set():
        if await connection.fetchval(STATEMENTS["try_lock"], _RUNNER):
            log.info("projector_started")
            return True
        if not waiting:
            log.info("projector_standing_by")
            waiting = True
        await _wait(stop, _STANDBY)
    return False


async def _lead(connection: asyncpg.Connection, stop: asyncio.Event, idle: float, piece: int) -> None:
    fold = LogFold()
    while not stop.is_set():
        try:
            moved = await advance(connection, fold, FOLLOWERS, piece=piece)
        except CheckpointMoved as error:  # a rebuild took a table's place: read again where it stands
            log.info("projector_checkpoint_moved", projection=error.name)
            continue
        if moved == 0:
            await _wait(stop, idle)
    await connection.execute(STATEMENTS["unlock"], _RUNNER)
    log.info("projector_stopped")


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Return after so long, or when `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
