"""What follows from a commit: runs of jobs that are queued in it, once each, and only with it."""

from collections.abc import AsyncIterator, Collection
from typing import Any

import asyncpg
import pytest

from jobs import Queue
from techdengue.domain.operation import Choice
from techdengue.intake import Intake, Resolution
from techdengue.settings import Settings

from .conftest import CUIABA, MANAGER, Speaker, created, sent


@pytest.fixture
async def owner(own_database: Any) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(own_database.owner_url)
    yield connection
    await connection.close()


async def runs(owner: asyncpg.Connection, job: str) -> list[Any]:
    rows: list[Any] = await owner.fetch("SELECT * FROM jobs.run WHERE job = $1 ORDER BY run_id", job)
    return rows


async def parked(device: Speaker, entity: int = 1) -> str:
    """A conflict, parked; its id."""
    await device.send(created(entity, f"create-{entity}", descricao="a"))
    await device.send(sent("update", entity, f"first-{entity}", {"descricao": "b"}, base_version=1))
    answer = await device.send(
        sent(
            "update",
            entity,
            f"second-{entity}",
            {"descricao": "c"},
            base_version=1,
            conflict_resolution_strategy="manual",
        ),
        device="device-b",
    )
    [conflict] = answer.conflicts
    return str(conflict.conflict_id)


async def test_a_parked_conflict_queues_its_notification_once(device: Speaker, owner: asyncpg.Connection) -> None:
    conflict = await parked(device)
    await parked(device)  # the same operations again

    [run] = await runs(owner, "notify_sync_conflict")
    assert run["key"] == conflict
    assert run["arguments"] == f'{{"conflict_id": "{conflict}"}}'
    assert (run["queue"], run["status"], run["origin"]) == ("notifications", "queued", "commit")
    assert (run["municipio_cod_ibge"], run["requested_by"]) == (CUIABA, "ana")


async def test_an_atividade_that_becomes_concluida_queues_its_report(
    device: Speaker, owner: asyncpg.Connection
) -> None:
    await device.send(created(1, "a"), created(2, "b", status="CONCLUIDA"))
    assert [run["key"] for run in await runs(owner, "auto_generate_evd01")] == [f"{CUIABA}/2/1"]

    await device.send(sent("update", 1, "c", {"status": "CONCLUIDA"}, base_version=1))
    run = (await runs(owner, "auto_generate_evd01"))[1]
    assert run["key"] == f"{CUIABA}/1/2"
    assert run["arguments"] == f'{{"atividade_id": "1", "municipio_cod_ibge": "{CUIABA}"}}'


async def test_only_becoming_concluida_counts(device: Speaker, owner: asyncpg.Connection) -> None:
    await device.send(created(1, "a", status="CONCLUIDA"))
    await device.send(sent("update", 1, "again", {"status": "CONCLUIDA", "descricao": "x"}, base_version=1))
    await device.send(sent("update", 1, "other", {"descricao": "y"}, base_version=2))
    assert len(await runs(owner, "auto_generate_evd01")) == 1

    await device.send(sent("update", 1, "open", {"status": "EM_ANDAMENTO"}, base_version=3))
    await device.send(sent("update", 1, "closed", {"status": "CONCLUIDA"}, base_version=4))
    assert [run["key"] for run in await runs(owner, "auto_generate_evd01")] == [f"{CUIABA}/1/1", f"{CUIABA}/1/5"]


async def test_an_atividade_that_lives_again_concluida_counts(device: Speaker, owner: asyncpg.Connection) -> None:
    await device.send(created(1, "a", status="CONCLUIDA"))
    await device.send(sent("delete", 1, "b", base_version=1))
    answer = await device.send(sent("update", 1, "c", {"descricao": "still there"}, base_version=2))

    assert len(answer.successes) == 1
    assert len(await runs(owner, "auto_generate_evd01")) == 2


async def test_a_resolution_that_completes_queues_the_report(
    device: Speaker, intake: Intake, owner: asyncpg.Connection
) -> None:
    conflict = await parked(device)
    resolution = Resolution(choice=Choice.CUSTOM, idempotency_key="r", data={"status": "CONCLUIDA"})
    await intake.resolve_conflict(MANAGER, conflict, resolution)

    assert [run["requested_by"] for run in await runs(owner, "auto_generate_evd01")] == ["gestora"]


async def test_a_refused_operation_queues_nothing(device: Speaker, owner: asyncpg.Connection) -> None:
    await device.send(created(1, "a"), sent("update", 1, "b", {"status": "PRONTA"}, base_version=1))

    assert await owner.fetchval("SELECT count(*) FROM jobs.run") == 0


async def test_who_hints_is_told_of_the_queues_after_the_commit(pool: asyncpg.Pool, owner: asyncpg.Connection) -> None:
    told: list[Collection[Queue]] = []
    intake = Intake(pool, Settings(database_url="unused"), queued=told.append)
    await intake.start()
    device = Speaker(intake)
    await device.send(created(1, "a"))
    assert told == []
    await device.send(sent("update", 1, "b", {"status": "CONCLUIDA"}, base_version=1))
    await intake.stop()

    assert told == [{Queue.REPORTS}]


async def test_the_intake_may_queue_runs_and_nothing_else_with_them(pool: asyncpg.Pool) -> None:
    for statement in ("SELECT run_id FROM jobs.run", "UPDATE jobs.run SET attempts = 0", "DELETE FROM jobs.run"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(
            "INSERT INTO jobs.run (run_id, job, queue, origin, max_attempts, status, finished_at) "
            "VALUES (gen_random_uuid(), 'a', 'reports', 'commit', 1, 'succeeded', now())"
        )
