"""Is what is kept what the log says? Everything is computed anew and compared, in one consistent snapshot."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import msgspec

from eventstore import Head, PostgresEventStore, RecordedEvent, assert_gapless
from techdengue.domain.times import from_micros
from techdengue.resolver import encode_state

from .engine import PIECE, read_places
from .errors import ReplayDiverged
from .folding import LogFold
from .model import Difference, Verification
from .rebuild import Progress, silent
from .replay import fold
from .sql_statements import CHECK, STATEMENTS
from .tables import PROJECTIONS, Projection

HEADS: Final = "heads"
"""The name under which the heads of the event store are verified."""

VERIFIABLE: Final = (HEADS, *PROJECTIONS)
"""Everything that `verify` knows."""

_KEPT = 100
_HEADS_AT_ONCE = 200


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
    missing = await connection.fetch(STATEMENTS["missing_heads"], _KEPT)
    found = [Difference(HEADS, f"{row['tenant']} {row['stream']}", "is missing") for row in missing]
    after: tuple[str, str] | None = None
    rows = covered = 0
    while heads := await store.page_heads(after, _HEADS_AT_ONCE):
        events = await store.read_streams([(head.tenant, head.stream, None) for head in heads])
        found += _compare_heads(heads, events)
        after = heads[-1].tenant, heads[-1].stream
        rows, covered = rows + len(heads), covered + len(events)
        progress(covered, tail)
    return Verification(name=HEADS, position=tail, rows=rows, differing=len(found), differences=found[:_KEPT])


def _compare_heads(heads: Sequence[Head], events: Sequence[RecordedEvent]) -> list[Difference]:
    streams: dict[tuple[str, str], list[RecordedEvent]] = {}
    for event in events:
        streams.setdefault((event.tenant, event.stream), []).append(event)
    reasons = ((head, _reason(head, streams.get((head.tenant, head.stream), []))) for head in heads)
    return [Difference(HEADS, f"{head.tenant} {head.stream}", reason) for head, reason in reasons if reason is not None]


def _reason(head: Head, events: list[RecordedEvent]) -> str | None:
    """Why a head is not what its stream says; None when it is."""
    if not events:
        return "is not in the log"
    try:
        folded, steps = fold(events)
    except ReplayDiverged as error:
        return str(error)
    state, last = folded.state, steps[-1].event
    made = steps[state.version - 1].event if state.version else None
    document = None if folded.document is None else msgspec.json.encode(folded.document)
    expected = {
        "sequence": state.sequence,
        "version": state.version,
        "position": last.position,
        "updated_at": head.updated_at if made is None else made.occurred_at,
        "recorded_at": from_micros(state.received_at),
        "state": encode_state(state),
        "document": document,
    }
    differing = [name for name, value in expected.items() if getattr(head, name) != value]
    return f"differs from the log in {', '.join(differing)}" if differing else None
