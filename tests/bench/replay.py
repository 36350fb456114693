"""Replay: the log to rebuilt heads, on one core, against reading the same rows with the driver alone.

Heads that are also read and compared, as `projections verify heads` does, are shown beside it.
"""

import contextlib
import datetime as dt
import gc
import time
from collections.abc import Iterator, Sequence

import asyncpg

from eventstore import PostgresEventStore, statements
from projections.heads import rebuild_heads
from projections.streams import Rebuilt
from projections.verification import HEADS, verify
from techdengue.cli.collecting import collect_rarely

from .measure import Named, Options, Row, Target, tell
from .population import populate
from .stage import Stage

_EVENTS = 100_000
_PIECE = 1_000
_OF_THE_READ = 0.25


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    database = await populate(stage, _EVENTS, span=dt.timedelta(0))
    read: list[float] = []
    replayed: list[float] = []
    compared: list[float] = []
    async with stage.pool(database, "techdengue_projector", 1) as pool, pool.acquire() as connection:
        with _collecting_rarely():
            await _read_rate(connection)
            for number in range(options.rounds):
                tell(f"replay: round {number + 1} of {options.rounds}")
                read.append(await _read_rate(connection))
                replayed.append(await _replay_rate(connection))
                compared.append(await _verify_rate(connection))
    await stage.drop(database)
    name, unit = "replay", "events/s"
    return [
        Row(measure=name, contestant="reading the rows", unit=unit, values=tuple(read)),
        Row(
            measure=name,
            contestant="log to rebuilt heads",
            unit=unit,
            values=tuple(replayed),
            references=tuple(read),
            target=Target(limit=_OF_THE_READ),
        ),
        Row(
            measure=name,
            contestant="log to heads, each compared",
            unit=unit,
            values=tuple(compared),
            references=tuple(read),
        ),
    ]


@contextlib.contextmanager
def _collecting_rarely() -> Iterator[None]:
    """For all contestants, what `projections verify` does for itself."""
    before = gc.get_threshold()
    collect_rarely()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


async def _read_rate(connection: asyncpg.Connection) -> float:
    started, position = time.perf_counter(), 0
    while rows := await connection.fetch(statements.READ_ALL, 0, position, _PIECE):
        position = rows[-1]["position"]
    return position / (time.perf_counter() - started)


async def _replay_rate(connection: asyncpg.Connection) -> float:
    done = 0

    async def take(_heads: Sequence[Rebuilt], events: int) -> None:
        nonlocal done
        done += events

    started = time.perf_counter()
    await rebuild_heads(PostgresEventStore(connection), take)
    return done / (time.perf_counter() - started)


async def _verify_rate(connection: asyncpg.Connection) -> float:
    started = time.perf_counter()
    found = await verify(connection, HEADS)
    if found.differing:
        raise RuntimeError(f"{found.differing} heads differ from the log: {found.differences[:3]}")
    return found.position / (time.perf_counter() - started)


REPLAY = Named("replay", lambda options: 15 + options.rounds * 9, _measure)
