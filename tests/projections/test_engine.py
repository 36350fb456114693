"""The projector keeps tables as the log says, whatever happens to it."""

import asyncio
import functools
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from eventstore import CheckpointMoved, GapInLog
from projections import catch_up, run, status
from projections.engine import advance
from projections.folding import LogFold
from projections.tables import FOLLOWERS, PROJECTIONS
from techdengue.dev.database import Database
from techdengue.domain.operation import Choice, Strategy

from .conftest import Connect, pool_of, rows_of
from .history import CUIABA, SINOP, Writer, write_random_history


async def _until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - another process's table announces nothing
            await asyncio.sleep(0.02)


async def test_an_entity_is_shown_in_its_newest_state(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await writer.create(1)
    await writer.update(1, {"status": "CONCLUIDA"}, device="device-b")
    await writer.create(2)
    await writer.delete(2)
    assert await catch_up(projector) == 4
    rows = await owner.fetch("SELECT * FROM projections.entity ORDER BY entity_id")
    assert [(row["entity_id"], row["version"], row["deleted"]) for row in rows] == [("1", 2, False), ("2", 2, True)]
    assert '"status": "CONCLUIDA"' in rows[0]["data"]
    assert rows[1]["data"] is None
    assert (rows[0]["created_by"], rows[0]["updated_by"]) == ("user of device-a", "user of device-b")


async def test_an_activity_has_typed_columns_and_its_first_start_and_end(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    data = {
        "tipo": "LIRAA",
        "municipio_cod_ibge": CUIABA,
        "localizacao": {"type": "Point", "coordinates": [-56.1, -15.6]},
        "iniciado_em": "2026-01-15T08:00:00-04:00",
    }
    created = await writer.create("a-1", data=data)
    started = await writer.update("a-1", {"status": "EM_ANDAMENTO"})
    ended = await writer.update("a-1", {"status": "CONCLUIDA"})
    await catch_up(projector, piece=1)
    await writer.update("a-1", {"status": "EM_ANDAMENTO"})
    await writer.update("a-1", {"status": "CANCELADA"})
    await catch_up(projector)
    row = await owner.fetchrow("SELECT * FROM projections.atividade")
    assert (row["municipio_nome"], row["tipo"], row["status"], row["origem"]) == (
        "Cuiabá",
        "LIRAA",
        "CANCELADA",
        "MANUAL",
    )
    assert (row["longitude"], row["latitude"], row["altitude"]) == (-56.1, -15.6, None)
    assert row["iniciado_em"].isoformat() == "2026-01-15T12:00:00+00:00"
    assert (row["criado_em"], row["inicio_efetivo"], row["fim_efetivo"]) == (
        created.event.occurred_at,
        started.event.occurred_at,
        ended.event.occurred_at,
    )


async def test_what_is_not_of_a_columns_type_is_null_and_stops_nothing(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await writer.create(
        1, data={"tipo": 7, "localizacao": {"coordinates": "here"}, "iniciado_em": "yesterday", "descricao": []}
    )
    await catch_up(projector)
    row = await owner.fetchrow("SELECT * FROM projections.atividade")
    assert (row["tipo"], row["longitude"], row["iniciado_em"], row["descricao"]) == (None, None, None, None)


@pytest.mark.parametrize("piece", [1, 7, 1000])
async def test_tables_do_not_depend_on_how_the_log_was_cut(
    fresh: Database, connect: Connect, owner: asyncpg.Connection, writer: Writer, piece: int
) -> None:
    await write_random_history(writer, events=120, seed=1)
    projector = await connect("techdengue_projector")
    await catch_up(projector, piece=piece)
    first = await rows_of(owner)
    for name in PROJECTIONS:
        if not PROJECTIONS[name].written_by_intake:
            await owner.execute("DELETE FROM eventstore.checkpoint WHERE name = $1", name)
            await owner.execute(f"TRUNCATE projections.{name}")
    await catch_up(projector, piece=50)
    assert await rows_of(owner) == first


async def test_a_merge_with_a_base_that_is_long_gone_is_folded_again_from_the_log(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await writer.create(1, data={"metadata": {"tags": ["a"]}})
    for number in range(20):
        await writer.update(1, {"descricao": str(number)})
    await catch_up(projector, piece=5)
    await writer.update(1, {"metadata": {"tags": ["b"]}}, device="device-b", strategy=Strategy.MERGE, base_version=1)
    parked = await writer.update(1, {"descricao": "?"}, device="device-c", strategy=Strategy.MANUAL, base_version=2)
    for number in range(20):
        await writer.update(1, {"descricao": str(number)})
    await writer.settle(parked, Choice.MERGE)
    await catch_up(projector, piece=5)
    assert await owner.fetchval("SELECT version FROM projections.entity") == writer.states(1)[-1].version


async def test_a_gap_in_the_log_stops_the_projector(
    fresh: Database, writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    for number in range(5):
        await writer.create(number)
    await owner.execute("ALTER TABLE eventstore.event DISABLE TRIGGER event_is_append_only")
    await owner.execute("DELETE FROM eventstore.event WHERE position = 3")
    async with pool_of(fresh.server_url) as pool:
        with pytest.raises(GapInLog) as caught:
            await run(pool, asyncio.Event())
    assert (caught.value.expected, caught.value.found) == (3, 4)
    assert await owner.fetchval("SELECT count(*) FROM projections.entity") == 0


async def test_a_log_that_ends_before_the_checkpoint_stops_the_projector(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await writer.create(1)
    await catch_up(projector)
    await owner.execute("UPDATE eventstore.checkpoint SET position = 9")
    with pytest.raises(GapInLog):
        await catch_up(projector)


async def test_a_crash_between_apply_and_checkpoint_leaves_nothing_doubled(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.create(1)
    await writer.update(1, {"descricao": "x"})

    class Crash(Exception):
        pass

    async def crash(*_: object) -> None:
        raise Crash

    fold = LogFold()
    with monkeypatch.context() as patch:
        patch.setattr("eventstore.PostgresEventStore.advance", crash)
        with pytest.raises(Crash):
            await advance(projector, fold, FOLLOWERS)
    assert await owner.fetchval("SELECT count(*) FROM projections.device_status") == 0
    assert await advance(projector, fold, FOLLOWERS) == 2
    assert await owner.fetchval("SELECT applied FROM projections.device_status") == 2


async def test_two_who_apply_the_same_piece_do_not_double_it(
    writer: Writer, connect: Connect, owner: asyncpg.Connection
) -> None:
    for number in range(50):
        await writer.create(number)
    first, second = await connect("techdengue_projector"), await connect("techdengue_projector")

    async def drain(connection: asyncpg.Connection) -> None:
        fold = LogFold()
        while True:
            try:
                if not await advance(connection, fold, FOLLOWERS, piece=3):
                    return
            except CheckpointMoved:
                continue

    await asyncio.gather(drain(first), drain(second))
    assert await owner.fetchval("SELECT sum(applied) FROM projections.device_status") == 50


async def test_a_second_runner_stands_by_and_takes_over(
    fresh: Database, writer: Writer, owner: asyncpg.Connection
) -> None:
    async def seen(count: int) -> bool:
        return bool(await owner.fetchval("SELECT count(*) = $1 FROM projections.entity", count))

    async with pool_of(fresh.server_url) as one, pool_of(fresh.server_url) as other, asyncio.TaskGroup() as group:
        stop_one, stop_other = asyncio.Event(), asyncio.Event()
        first = group.create_task(run(one, stop_one, idle=0.01))
        group.create_task(run(other, stop_other, idle=0.01))
        await writer.create(1)
        await _until(lambda: seen(1))
        stop_one.set()
        await first
        await writer.create(2)
        await _until(lambda: seen(2))
        stop_other.set()
    assert await owner.fetchval("SELECT applied FROM projections.device_status") == 2


async def test_a_runner_survives_the_loss_of_its_connection(
    fresh: Database, writer: Writer, owner: asyncpg.Connection
) -> None:
    async def seen(count: int) -> bool:
        return bool(await owner.fetchval("SELECT count(*) = $1 FROM projections.entity", count))

    async with pool_of(fresh.server_url) as pool, asyncio.TaskGroup() as group:
        stop = asyncio.Event()
        group.create_task(run(pool, stop, idle=0.01))
        await writer.create(1)
        await _until(lambda: seen(1))
        for number in range(2, 6):
            await owner.execute(
                "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity AS a "
                "JOIN pg_locks AS l ON l.pid = a.pid AND l.locktype = 'advisory' WHERE a.datname = current_database()"
            )
            await writer.create(number)
            await _until(functools.partial(seen, number))
        stop.set()


async def test_status_tells_how_far_each_projection_is_behind(writer: Writer, projector: asyncpg.Connection) -> None:
    await writer.create(1)
    await catch_up(projector)
    await writer.create(2, tenant=SINOP)
    found = {one.name: one for one in await status(projector)}
    assert set(found) == set(PROJECTIONS)
    assert (found["entity"].position, found["entity"].tail, found["entity"].lag_events) == (1, 2, 1)
    assert found["entity"].lag_seconds > 0
    assert (found["conflict"].lag_events, found["conflict"].lag_seconds) == (0, 0.0)
