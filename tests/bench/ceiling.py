"""What PostgreSQL itself can do: the same rows, written by a bare driver, without HTTP and without a resolver.

The rows are decided beforehand, in memory. Two committers write them in groups of 200, either with the intake's own
two statements, one read and one append (`write_as_intake`: the ceiling), or with one that inserts and compares nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import msgspec

from eventstore import AppendUnit
from eventstore.units import append_rows
from techdengue.domain.access import Caller, Role
from techdengue.domain.operation import SentOperation
from techdengue.domain.validation import ValidOperation, validate
from techdengue.intake.appending import companion_rows
from techdengue.intake.deciding import decide_batch
from techdengue.intake.jobs import BatchJob
from techdengue.intake.model import Batch
from techdengue.intake.snapshot import Believed, Known, Snapshot, StoredHead, known_of
from techdengue.intake.statements import APPEND, READ
from techdengue.intake.units import form_units
from techdengue.intake.working import Working
from techdengue.resolver import State, decode_state

from . import workload
from .statements import SQL

_NOW = time.time_ns() // 1000
_CALLER = Caller(user="bench", role=Role.CAMPO, municipios=frozenset({workload.MUNICIPIO}))


class Prepared:
    """One group, ready to be written: the arguments of its read and of its append."""

    def __init__(
        self, reading: Sequence[Any], units: Sequence[AppendUnit], companions: Sequence[Any], operations: int
    ) -> None:
        self.reading = reading
        self.units = units
        self.companions = companions
        self.operations = operations


async def prepare(committer: str, groups: int, connections: int = 20) -> list[Prepared]:
    """Decide `groups` groups of a request of each of so many connections, batch after batch."""
    stored: dict[tuple[str, str], StoredHead] = {}
    pasts: dict[tuple[str, str], list[State]] = {}
    clocks: dict[str, int] = {}
    known: dict[tuple[str, str], list[Known]] = {}
    return [
        await _prepare_one(committer, number, connections, stored, pasts, clocks, known) for number in range(groups)
    ]


async def _prepare_one(
    committer: str, number: int, connections: int, stored: Any, pasts: Any, clocks: Any, known: Any
) -> Prepared:
    jobs = [_job(f"{committer}-{connection}", number) for connection in range(connections)]
    snapshot = Snapshot(
        known=known, heads=stored, tenants={}, clocks=dict(clocks), owners={}, pasts={}, now=0, read_at=0
    )
    for _tenant, stream in stored:
        snapshot.tenants[stream] = [workload.MUNICIPIO]
    working = Working(snapshot, pasts)
    decided = [(job, decide_batch(job, working)) for job in jobs]
    units, numbers = form_units(decided, working)
    keys = [(job.device, valid.key) for job in jobs for valid in job.operations()]
    streams = [valid.stream for job in jobs for valid in job.operations()]
    seen = {valid.stream: valid.base_version for job in jobs for valid in job.operations() if valid.base_version}
    reading = [
        [device for device, _ in keys],
        [key for _, key in keys],
        [workload.MUNICIPIO] * len(streams),
        streams,
        [],
        [job.device for job in jobs],
        [workload.MUNICIPIO] * len(seen),
        list(seen),
        list(seen.values()),
    ]
    for unit in units:
        for head in unit.heads:
            place = (head.tenant, head.stream)
            stored[place] = StoredHead(sequence=head.sequence, version=head.version, state=head.state)
            pasts.setdefault(place, [State()]).append(decode_state(head.state))
        for writer in unit.writers:
            clocks[writer.writer] = working.clock(writer.writer)
        for event in unit.events:
            known[event.writer, event.key] = [known_of(event)]
    return Prepared(reading, units, companion_rows(decided, numbers), len(keys))


def _job(connection: str, batch: int) -> BatchJob:
    entries: list[ValidOperation] = [
        validate(msgspec.convert(operation, SentOperation)) for operation in workload.operations(connection, batch)
    ]
    sent = Batch(caller=_CALLER, device_id=workload.device_of(connection, batch), operations=(), arrived=0.0, size=0)
    job = BatchJob(sent, tuple(entries))
    job.received_at = _NOW + batch * 1000
    return job


Write = Callable[[asyncpg.Connection, Prepared], Awaitable[None]]


async def run(pool: asyncpg.Pool, committers: Sequence[Sequence[Prepared]], write: Write) -> float:
    """Write all groups, one task a committer, the opening before the clock starts; operations a second."""
    for groups in committers:
        await _write_all(pool, groups[: workload.OPENING], write)
    rest = [groups[workload.OPENING :] for groups in committers]
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for groups in rest:
            group.create_task(_write_all(pool, groups, write))
    seconds = time.perf_counter() - started
    return sum(prepared.operations for groups in rest for prepared in groups) / seconds


async def _write_all(pool: asyncpg.Pool, groups: Sequence[Prepared], write: Write) -> None:
    async with pool.acquire() as connection:
        for prepared in groups:
            await write(connection, prepared)


async def write_bare(connection: asyncpg.Connection, prepared: Prepared) -> None:
    """Insert the rows."""
    opened, _settled, requests, runs, *_ = prepared.companions
    await connection.fetchval(SQL["bare_append"], 0, *append_rows(prepared.units), opened, requests, runs)


async def write_as_intake(connection: asyncpg.Connection, prepared: Prepared) -> None:
    """Read what the intake would read, and append as it does."""
    await connection.fetch(READ, *prepared.reading)
    row = await connection.fetchrow(
        APPEND, 0, *append_rows(prepared.units), *prepared.companions, *Believed().columns()
    )
    if row["moved"]:
        raise RuntimeError("the prepared rows did not fit the database")
