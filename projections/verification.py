"""Is what is kept what the log says? Everything is computed anew and compared, in one consistent snapshot."""

from typing import Final

import asyncpg

from eventstore import PostgresEventStore, assert_gapless

from .engine import PIECE, read_places
from .folding import LogFold
from .heads import check_heads
from .model import Difference, Verification
from .rebuild import Progress, silent
from .sql_statements import CHECK, STATEMENTS
from .tables import PROJECTIONS, Projection

HEADS: Final = "heads"
"""The name under which the heads of the event store are verified."""

VERIFIABLE: Final = (HEADS, *PROJECTIONS)
"""Everything that `verify` knows."""

_KEPT = 100


async def verify(connection: asyncpg.Connection, name: str, progress: Progress = silent) -> Verification:
    """Compare a projection, or `heads`, with the log as of its checkpoint. Nothing is changed.

    The connection's role is techdengue_projector; it is in no transaction. Raises KeyError for an unknown name,
    GapInLog; ReplayDiverged where the log does not replay (for `heads` that is a difference).
    """
    async with connection.transaction(isolation="repeatable_read"):
        if name == HEADS:
            return await _verify_heads(connection, progress)
        return await _verify_table(connection, PROJECTIONS[name], progress)


async def _verify_table(connection: asyncpg.Connection, projection: Projection, progress: Progress) -> Verification:
    name = projection.name
    places, tail = await read_places(connection, [name])
    position = tail if projection.written_by_intake else places[name]
    await connection.execute(STATEMENTS["begin_check"], name)
    store, log_fold, done = PostgresEventStore(connection), LogFold(), 0
    while done < position:
        events = await store.read_all(done, min(PIECE, position - done))
        if not events:
            break
        done = assert_gapless(done, events)
        await projection.apply(connection, await log_fold.fold(store, events), CHECK)
        progress(done, position)
    rows = await connection.fetch(STATEMENTS["compare"], name, _KEPT)
    return Verification(
        name=name,
        position=done,
        rows=rows[0]["rows"],
        differing=rows[0]["differing"] + (done != position),
        differences=[Difference(name, row["key"], row["reason"]) for row in rows if row["key"] is not None]
        + ([Difference(name, "checkpoint", "is beyond the log")] if done != position else []),
    )


async def _verify_heads(connection: asyncpg.Connection, progress: Progress) -> Verification:
    store = PostgresEventStore(connection)
    tail = await store.tail()
    found: list[Difference] = []
    rows = await check_heads(
        store,
        lambda place, reason: found.append(Difference(HEADS, " ".join(place), reason)),
        lambda covered: progress(covered, tail),
    )
    return Verification(name=HEADS, position=tail, rows=rows, differing=len(found), differences=found[:_KEPT])
