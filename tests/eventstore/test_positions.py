"""Positions are gapless and in commit order, whoever appends at the same time and however slowly."""

import asyncio
import itertools
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore import AppendUnit, MemoryEventStore, PostgresEventStore, RecordedEvent, assert_gapless, follow
from techdengue.dev.database import Database
from tests.conftest import MakeDatabase
from tests.eventstore import appender
from tests.eventstore.samples import clock, event, unit

ROOT = Path(__file__).parents[2]
SECONDS = 60


@pytest.fixture(scope="module")
async def log(make_database: MakeDatabase) -> Database:
    """A database of this module's own: its tests commit."""
    return await make_database()


@pytest.fixture
async def connections(log: Database) -> AsyncIterator[list[asyncpg.Connection]]:
    """Four connections of the intake and, last, one of the projector."""
    roles = ["techdengue_intake"] * 4 + ["techdengue_projector"]
    opened = [await asyncpg.connect(log.server_url, server_settings={"role": role}) for role in roles]
    yield opened
    for connection in opened:
        await connection.close()


async def until_blocked(observer: asyncpg.Connection, connection: asyncpg.Connection) -> None:
    """Return when the connection's statement waits for another one's lock."""
    async with asyncio.timeout(SECONDS):
        while not await observer.fetchval("SELECT pg_blocking_pids($1)", connection.get_server_pid()):
            pass  # every question is a round trip in which the others go on


@pytest.mark.parametrize("ends", ["COMMIT", "ROLLBACK"])
async def test_nobody_passes_an_append_that_has_not_committed(connections: list[asyncpg.Connection], ends: str) -> None:
    slow, fast, *_, reader = connections
    following = PostgresEventStore(reader)
    before = await following.tail()
    await slow.execute("BEGIN")
    first = await PostgresEventStore(slow).append([unit(event(f"slow/{ends}", 1), event(f"slow/{ends}", 2))])
    second = asyncio.create_task(PostgresEventStore(fast).append([unit(event(f"fast/{ends}", 1))]))
    await until_blocked(reader, fast)
    assert await following.read_all(before, 10) == []
    assert await following.tail() == before
    await slow.execute(ends)
    kept = 2 if ends == "COMMIT" else 0
    assert first.first_position == before + 1
    assert (await second).first_position == before + kept + 1
    assert assert_gapless(before, await following.read_all(before, 10)) == before + kept + 1


async def test_an_append_sees_what_was_committed_while_it_waited(connections: list[asyncpg.Connection]) -> None:
    slow, fast, *_, reader = connections
    await slow.execute("BEGIN")
    await PostgresEventStore(slow).append([unit(event("waited/1", 1), clocks=[clock("waited", None, 1)])])
    waiting = asyncio.create_task(
        PostgresEventStore(fast).append(
            [
                unit(event("waited/1", 1, "another")),
                unit(event("waited/2", 1), clocks=[clock("waited", None, 1)]),
                unit(event("waited/3", 1)),
            ]
        )
    )
    await until_blocked(reader, fast)
    await slow.execute("COMMIT")
    assert (await waiting).moved == {0, 1}


async def test_processes_that_contend_lose_nothing_and_readers_meet_no_gap(make_database: MakeDatabase) -> None:
    database = await make_database()
    units = 40
    names = ["one", "two", "three"]
    processes = [await start_appender(database, name, units) for name in names]
    for process in processes:
        process.stdin.write(b"go\n")  # type: ignore[union-attr]  # it was started with a pipe
    ends = asyncio.gather(*(process.communicate() for process in processes))
    connection = await asyncpg.connect(database.server_url, server_settings={"role": "techdengue_projector"})
    log = await follow_until(PostgresEventStore(connection), ends)
    await connection.close()

    assert [process.returncode for process in processes] == [0, 0, 0], await ends
    check_streams(log)
    shared = [e for e in log if e.stream in appender.STREAMS]
    assert len(shared) == len(names) * units * 2
    for writer in names:
        numbers = [int(e.key.split()[0]) for e in shared if e.writer == writer]
        assert numbers == sorted([*range(units)] * 2), "each unit whole, once, in its writer's order"


async def start_appender(database: Database, name: str, units: int) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.eventstore.appender", database.server_url, name, str(units)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), SECONDS) == b"ready\n"
    return process


async def follow_until(
    store: PostgresEventStore, ends: "asyncio.Future[list[tuple[bytes, bytes]]]"
) -> list[RecordedEvent]:
    """What a follower has read when everybody has ended and it has caught up; it asserts that there is no gap."""
    log: list[RecordedEvent] = []

    class Ended(Exception):  # not an error
        pass

    async def wait() -> None:
        if ends.done() and len(log) == await store.tail():
            raise Ended
        await asyncio.sleep(0)

    try:
        async with asyncio.timeout(SECONDS):
            async for events in follow(store, 0, wait, limit=7):
                log += events
    except Ended:
        return log
    raise AssertionError("a follower never ends by itself")


def check_streams(log: Sequence[RecordedEvent]) -> None:
    """Positions without a gap, sequences of every stream 1…n in that order, and every key once."""
    assert_gapless(log[0].position - 1 if log else 0, log)
    sequences = defaultdict(list)
    for recorded in log:
        sequences[recorded.tenant, recorded.stream].append(recorded.sequence)
    assert all(found == [*range(1, len(found) + 1)] for found in sequences.values())
    assert len({(e.writer, e.key, e.tenant) for e in log}) == len(log)


# An example: calls for each of several connections; a call is units, a unit the streams that it appends to with what
# it believes of each, and what it believes of its writer's clock. Most believe something wrong, many overlap.
BELIEFS = st.dictionaries(st.integers(0, 3), st.integers(0, 2), min_size=1, max_size=3)
UNITS = st.tuples(BELIEFS, st.integers(0, 2), st.integers(0, 5), st.sampled_from([None, 1, 2]))
CALLS = st.lists(st.lists(UNITS, min_size=1, max_size=3), max_size=4)
TENANTS = itertools.count(1)
Plan = list[list[tuple[dict[int, int], int, int, int | None]]]


def units_of(tenant: str, call: Sequence[tuple[dict[int, int], int, int, int | None]]) -> list[AppendUnit]:
    """The call's units, without those that would contradict an earlier one of the same call."""
    units: list[AppendUnit] = []
    taken: set[object] = set()
    for beliefs, writer, key, expected in call:
        claims = {*beliefs, f"writer {writer}"}
        if taken & claims:
            continue
        taken |= claims
        name = f"{tenant} {writer}"
        events = [
            event(f"s/{stream}", believed + 1, f"{key} on {stream}", tenant=tenant, writer=name)
            for stream, believed in beliefs.items()
        ]
        units.append(unit(*events, clocks=[clock(name, expected, (expected or 0) + 1)]))
    return units


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(st.lists(UNITS, min_size=1, max_size=4), max_size=8))
async def test_postgres_answers_as_the_twin_in_memory(connections: list[asyncpg.Connection], calls: Plan) -> None:
    tenant = f"twin{next(TENANTS)}"
    real, twin = PostgresEventStore(connections[0]), MemoryEventStore()
    start = await real.tail()
    for call in calls:
        units = units_of(tenant, call)
        ours, theirs = await real.append(units), await twin.append(units)
        assert (ours.moved, ours.first_position - start) == (theirs.moved, theirs.first_position)
    ours_log = await real.read_all(start, 1000)
    theirs_log = await twin.read_all(0, 1000)
    assert [(e.stream, e.sequence, e.writer, e.key, e.payload) for e in ours_log] == [
        (e.stream, e.sequence, e.writer, e.key, e.payload) for e in theirs_log
    ]
    ours_heads = await real.page_heads(None, 1000, [tenant])
    theirs_heads = await twin.page_heads(None, 1000, [tenant])
    assert [(h.stream, h.sequence, h.position - start, h.state) for h in ours_heads] == [
        (h.stream, h.sequence, h.position, h.state) for h in theirs_heads
    ]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=st.lists(CALLS, min_size=2, max_size=4))
async def test_concurrent_appends_in_any_order_neither_deadlock_nor_break_a_stream(
    connections: list[asyncpg.Connection], plans: list[Plan]
) -> None:
    tenant = f"race{next(TENANTS)}"
    reader = PostgresEventStore(connections[-1])
    start = await reader.tail()

    async def run(connection: asyncpg.Connection, plan: Plan) -> list[str]:
        won: list[str] = []
        for call in plan:
            units = units_of(tenant, call)
            appended = await PostgresEventStore(connection).append(units)
            won += [f"{e.writer}/{e.key}" for i, u in enumerate(units) if i not in appended.moved for e in u.events]
        return won

    async with asyncio.timeout(SECONDS):
        winners = await asyncio.gather(*(run(c, p) for c, p in zip(connections, plans, strict=False)))
    log = await reader.read_all(start, 1000)
    check_streams(log)
    assert sorted(f"{e.writer}/{e.key}" for e in log) == sorted(key for keys in winners for key in keys)
    last = {e.stream: e for e in log}
    heads = await PostgresEventStore(connections[0]).page_heads(None, 1000, [tenant])
    assert {h.stream: (h.sequence, h.position) for h in heads} == {
        e.stream: (e.sequence, e.position) for e in last.values()
    }
