"""A projection can be made anew at any time, and is what the log says: to the byte."""

import asyncio

import asyncpg
import pytest

from projections import HEADS, PROJECTIONS, VERIFIABLE, RebuildRunning, catch_up, rebuild, run, verify
from projections.sql_statements import STATEMENTS
from techdengue.dev.database import Database

from .conftest import Connect, pool_of, rows_of
from .history import Writer, write_random_history


@pytest.mark.parametrize("seed", range(5))
async def test_rebuilt_tables_are_the_live_ones(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection, seed: int
) -> None:
    await write_random_history(writer, events=150, seed=seed)
    await catch_up(projector, piece=11)
    live = await rows_of(owner)
    assert all(live.values())
    for name in PROJECTIONS:
        assert await rebuild(projector, name, piece=17) == 150
    assert await rows_of(owner) == live


@pytest.mark.parametrize("seed", range(5))
async def test_what_was_only_followed_verifies(writer: Writer, projector: asyncpg.Connection, seed: int) -> None:
    await write_random_history(writer, events=150, seed=100 + seed)
    await catch_up(projector, piece=40)
    for name in VERIFIABLE:
        verification = await verify(projector, name)
        assert verification.clean, verification.differences
        assert (verification.position, verification.rows > 0) == (150, True)


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("entity", "UPDATE projections.entity SET data = '{}' WHERE entity_id = '1'", "differs from the log"),
        ("entity", "DELETE FROM projections.entity WHERE entity_id = '1'", "is missing"),
        ("conflict", "UPDATE projections.conflict SET note = 'changed'", "differs from the log"),
        ("conflict", "DELETE FROM projections.conflict", "is missing"),
        ("atividade", "UPDATE projections.atividade SET fim_efetivo = now()", "differs from the log"),
        ("evidencia", "UPDATE projections.evidencia SET tamanho_bytes = 0", "differs from the log"),
        ("device_status", "UPDATE projections.device_status SET applied = applied + 1", "differs from the log"),
        (HEADS, "UPDATE eventstore.stream SET state = state || '\\x00'", "differs from the log in state"),
        (HEADS, "UPDATE eventstore.stream SET document = '{}'", "differs from the log in document"),
        (HEADS, "UPDATE eventstore.stream SET position = 0", "differs from the log in position"),
        (HEADS, "DELETE FROM eventstore.stream", "is missing"),
    ],
)
async def test_verify_finds_a_planted_difference_and_rebuild_mends_it(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection, name: str, damage: str, reason: str
) -> None:
    await write_random_history(writer, events=100, seed=7)
    await catch_up(projector)
    assert (await verify(projector, name)).clean
    await owner.execute(damage)
    verification = await verify(projector, name)
    assert not verification.clean
    assert verification.differing >= len(verification.differences) > 0
    assert any(difference.reason.startswith(reason) for difference in verification.differences)
    if name in PROJECTIONS:
        await rebuild(projector, name)
        assert (await verify(projector, name)).clean


async def test_verify_finds_a_row_that_no_event_made(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await writer.create(1)
    await catch_up(projector)
    await owner.execute(
        "INSERT INTO projections.entity SELECT municipio_cod_ibge, entity_type, 'ghost', version, deleted, data, "
        "created_at, created_by, updated_at, updated_by, updated_from FROM projections.entity"
    )
    (difference,) = (await verify(projector, "entity")).differences
    assert (difference.key, difference.reason) == ("5103403 atividade ghost", "is not in the log")


async def test_verify_finds_an_event_that_was_tampered_with(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await writer.create(1)
    await writer.update(1, {"descricao": "x"})
    await owner.execute("ALTER TABLE eventstore.event DISABLE TRIGGER event_is_append_only")
    await owner.execute("UPDATE eventstore.event SET outcome = 'server_kept' WHERE position = 2")
    (difference,) = (await verify(projector, HEADS)).differences
    assert "recorded as server_kept, replays as applied" in difference.reason


async def test_readers_never_see_a_hole_while_writers_projector_and_rebuilds_run(
    fresh: Database, writer: Writer, connect: Connect, owner: asyncpg.Connection
) -> None:
    await write_random_history(writer, events=200, seed=3)
    reader, builder = await connect("techdengue_reader"), await connect("techdengue_projector")
    await catch_up(builder)
    least = await owner.fetchval("SELECT count(*) FROM projections.entity")
    conflicts = await owner.fetchval("SELECT count(*) FROM projections.conflict")
    stop = asyncio.Event()

    async def read() -> None:
        while not stop.is_set():
            async with reader.transaction(readonly=True):
                await reader.execute("SELECT set_config('eventstore.tenants', '*', true)")
                assert await reader.fetchval("SELECT count(*) FROM projections.entity") >= least
                assert await reader.fetchval("SELECT count(*) FROM projections.conflict") >= conflicts

    async with pool_of(fresh.server_url) as pool, asyncio.TaskGroup() as group:
        group.create_task(run(pool, stop, idle=0.01))
        group.create_task(read())
        writing = group.create_task(write_random_history(writer, events=400, seed=4))
        while not writing.done():
            for name in PROJECTIONS:
                await rebuild(builder, name, piece=50)
        stop.set()
    await catch_up(builder)
    for name in VERIFIABLE:
        verification = await verify(builder, name)
        assert verification.clean, verification.differences


async def test_a_rebuilt_table_has_the_same_guards_and_indexes(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    async def shape() -> list[str]:
        rows = await owner.fetch(
            "SELECT concat_ws(' ', c.relname, c.relrowsecurity, c.relforcerowsecurity, "
            "(SELECT array_agg(a::text ORDER BY a::text) FROM unnest(c.relacl) AS a), "
            "(SELECT array_agg(d ORDER BY d) FROM pg_index i, pg_get_indexdef(indexrelid) d WHERE indrelid = c.oid), "
            "(SELECT array_agg(concat_ws(' ', p.polname, p.polcmd, p.polroles::regrole[], "
            "pg_get_expr(p.polqual, p.polrelid)) ORDER BY p.polname) FROM pg_policy p WHERE p.polrelid = c.oid)) "
            "FROM pg_class c WHERE c.relnamespace = 'projections'::regnamespace AND c.relkind = 'r' ORDER BY 1"
        )
        return [row[0] for row in rows]

    await writer.create(1)
    before = await shape()
    for _ in range(2):
        for name in PROJECTIONS:
            await rebuild(projector, name)
    assert await shape() == before


async def test_only_one_rebuilds_a_projection_at_a_time(connect: Connect) -> None:
    one, other = await connect("techdengue_projector"), await connect("techdengue_projector")
    assert await one.fetchval(STATEMENTS["try_lock"], "rebuild.entity")
    with pytest.raises(RebuildRunning):
        await rebuild(other, "entity")
    await one.fetchval(STATEMENTS["unlock"], "rebuild.entity")
    assert await rebuild(other, "entity") == 0


async def test_rebuild_and_verify_tell_how_far_they_are(writer: Writer, projector: asyncpg.Connection) -> None:
    await write_random_history(writer, events=30, seed=1)
    told: list[tuple[int, int]] = []
    await rebuild(projector, "entity", lambda done, total: told.append((done, total)), piece=10)
    assert [told[0], told[-1]] == [(10, 30), (30, 30)]
    for name in VERIFIABLE:
        told.clear()
        await catch_up(projector)
        await verify(projector, name, lambda done, total: told.append((done, total)))
        assert told[-1] == (30, 30)


async def test_an_interrupted_rebuild_leaves_the_live_table_and_can_begin_again(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await write_random_history(writer, events=30, seed=1)
    await catch_up(projector)
    live = await rows_of(owner)

    class Interrupted(Exception):
        pass

    def interrupt(done: int, total: int) -> None:
        if done > 10:
            raise Interrupted

    with pytest.raises(Interrupted):
        await rebuild(projector, "device_status", interrupt, piece=10)
    assert await rows_of(owner) == live
    await rebuild(projector, "device_status", piece=10)
    assert await rows_of(owner) == live
