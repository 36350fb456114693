"""What the intake does when something is wrong: too much work, a poisonous request, a database that is away."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from techdengue.dev.database import create_migrated
from techdengue.dev.ports import free_ports
from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.domain.operation import Outcome
from techdengue.domain.payload import encode
from techdengue.intake import Intake, Overloaded, Unavailable, deciding
from techdengue.resolver import resolve
from techdengue.settings import Settings

from .conftest import Speaker, created


async def test_a_full_queue_refuses_with_a_time_to_come_back(pool: asyncpg.Pool) -> None:
    intake = Intake(pool, Settings(database_url="unused", queue_operations=3))
    device = Speaker(intake)
    waiting = asyncio.create_task(device.send(created(1, "k1"), created(2, "k2")))
    await asyncio.sleep(0)  # let it enter the queue; no committer runs yet
    with pytest.raises(Overloaded) as refused:
        await device.send(created(3, "k3"), created(4, "k4"), device="device-b")
    assert refused.value.retry_after >= 1
    await intake.start()
    assert (await waiting).processed == 2
    await intake.stop()


async def test_a_batch_larger_than_the_queue_is_taken_when_nothing_waits(pool: asyncpg.Pool) -> None:
    intake = Intake(pool, Settings(database_url="unused", queue_operations=3))
    await intake.start()
    answer = await Speaker(intake).send(*(created(n, f"k{n}") for n in range(10)))
    assert answer.processed == 10
    await intake.stop()


async def test_stopping_commits_what_waits_and_takes_nothing_more(pool: asyncpg.Pool) -> None:
    intake = Intake(pool, Settings(database_url="unused"))
    device = Speaker(intake)
    waiting = asyncio.create_task(device.send(created(1, "k1")))
    await asyncio.sleep(0)  # let it enter the queue; no committer runs yet
    await intake.start()
    await intake.stop()
    assert (await waiting).successes[0].status is Outcome.APPLIED
    with pytest.raises(Unavailable):
        await device.send(created(2, "k2"))


async def test_a_request_that_breaks_the_decision_fails_alone(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:

    def poisoned(state: Any, operation: Any, base: Any = None) -> Any:
        if operation.key == "poison":
            raise RuntimeError("poison")
        return resolve(state, operation, base)

    monkeypatch.setattr(deciding, "resolve", poisoned)
    assert await _outcomes_of_a_group(pool) == [True, RuntimeError, True]


async def test_a_request_that_breaks_the_statement_fails_alone(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:

    def poisoned(part: Any) -> Any:
        return "no bytes" if getattr(part, "batch_id", None) == "poison" else encode(part)

    monkeypatch.setattr(deciding, "encode", poisoned)
    assert await _outcomes_of_a_group(pool) == [True, asyncpg.DataError, True]


async def _outcomes_of_a_group(pool: asyncpg.Pool) -> list[Any]:
    """Send three requests that go into one group, the second of them poisonous."""
    intake = Intake(pool, Settings(database_url="unused", committers=1))
    device = Speaker(intake)
    requests = [
        asyncio.create_task(device.send(created(1, "k1"))),
        asyncio.create_task(device.send(created(2, "poison"), device="device-p", batch_id="poison")),
        asyncio.create_task(device.send(created(3, "k3"), device="device-c")),
    ]
    await asyncio.sleep(0)  # let them enter the queue; no committer runs yet
    await intake.start()
    answers = await asyncio.gather(*requests, return_exceptions=True)
    await intake.stop()
    return [type(answer) if isinstance(answer, BaseException) else len(answer.successes) == 1 for answer in answers]


async def test_a_database_that_is_away_is_told_and_survived(servers_directory: Path) -> None:
    server = EmbeddedPostgres(servers_directory / "away", port=free_ports(1)[0])
    await server.start()
    database = await create_migrated(server, "away", "password")
    role = {"role": "techdengue_intake"}
    async with asyncpg.create_pool(database.server_url, min_size=0, max_size=4, server_settings=role) as pool:
        intake = Intake(pool, Settings(database_url="unused", database_timeout=5))
        await intake.start()
        device = Speaker(intake)
        await device.send(created(1, "k1"))
        await server.stop()
        with pytest.raises(Unavailable) as refused:
            await device.send(created(2, "k2"))
        assert refused.value.retry_after >= 1
        await server.start()
        again = await device.send(created(1, "k1"), created(2, "k2"))
        assert [success.already_processed for success in again.successes] == [True, False]
        await intake.stop()
    await server.stop()
