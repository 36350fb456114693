"""A dump and its restoration keep every position, and the log goes on where it ended."""

import asyncio
from pathlib import Path

import asyncpg

from eventstore import PostgresEventStore, RecordedEvent, assert_gapless
from techdengue.dev.postgres import EmbeddedPostgres, find_binaries
from tests.conftest import MakeDatabase
from tests.eventstore.samples import clock, event, unit


async def test_a_restored_log_has_its_positions_and_goes_on(
    postgres: EmbeddedPostgres, make_database: MakeDatabase, tmp_path: Path
) -> None:
    origin = await make_database()
    before = await append(origin.owner_url, 1)
    dump = tmp_path / "log.dump"
    binaries = find_binaries()
    await run(binaries / "pg_dump", "--format=custom", f"--file={dump}", origin.owner_url)
    admin = await asyncpg.connect(postgres.url())
    await admin.execute("CREATE DATABASE restored")
    await admin.close()
    await run(binaries / "pg_restore", "--exit-on-error", f"--dbname={postgres.url('restored')}", str(dump))

    after = await append(postgres.url("restored"), 2)

    assert after[: len(before)] == before
    assert assert_gapless(0, after) == len(before) + 2


async def run(program: Path, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(program, *arguments, stderr=asyncio.subprocess.PIPE)
    _, complaints = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, complaints.decode()


async def append(url: str, sequence: int) -> list[RecordedEvent]:
    """Append the next event of two streams, and read the whole log."""
    connection = await asyncpg.connect(url)
    store = PostgresEventStore(connection)
    clocks = [clock("d", sequence - 1 or None, sequence)]
    appended = await store.append([unit(event("a/1", sequence), event("b/é", sequence), clocks=clocks)])
    assert appended.moved == frozenset()
    log = await store.read_all(0, 100)
    await connection.close()
    return log
