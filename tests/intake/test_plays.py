"""Whatever is sent, intakes that remember answer as those that read, and leave the same in the database."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from projections.verification import verify
from techdengue.domain.access import Caller, Role
from techdengue.domain.operation import SentOperation
from techdengue.intake import DeviceTaken, Intake, SyncAnswer
from techdengue.intake.recent import Recent
from techdengue.settings import Settings

from .conftest import CUIABA, FIELD, VARZEA_GRANDE, Speaker, sent
from .test_seals import EVIDENCE

OTHER = Caller(user="bia", role=Role.CAMPO, municipios=frozenset({CUIABA}))
BOTH = Caller(user="ana", role=Role.CAMPO, municipios=frozenset({CUIABA, VARZEA_GRANDE}))
ADMIN = Caller(user="root", role=Role.ADMIN, municipios=frozenset({"*"}))
OPERATIONS = st.tuples(
    st.sampled_from(["create", "update", "delete"]),
    st.integers(1, 3),  # the entity
    st.sampled_from([None, 0, 1, 2, 3]),  # the base
    st.sampled_from(["client_wins", "server_wins", "last_write_wins", "merge", "manual"]),
    st.integers(0, 9),  # the key: small, so that it repeats
    st.sampled_from([None, None, CUIABA, VARZEA_GRANDE]),
    st.sampled_from(["atividade", "atividade", "evidencia"]),
)
CREATE = ("create", 1, None, "client_wins", 0, None, "atividade")
BATCHES = st.tuples(
    st.integers(0, 1),
    st.sampled_from(["device-a", "device-b"]),
    st.sampled_from([FIELD, FIELD, FIELD, OTHER, OTHER, BOTH, ADMIN]),
    st.lists(OPERATIONS, max_size=5),
)
STEPS = st.lists(BATCHES, min_size=1, max_size=10)
"""Batches: to which of two processes, from which device, of whom, and what. An empty one forgets the device."""

AT_ONCE = st.lists(st.lists(BATCHES, min_size=1, max_size=6), min_size=1, max_size=5)
"""Batches that are under way together, again and again."""

PLAYS = itertools.count(1)
LEFT = """
SELECT ARRAY(
    SELECT (tenant, stream, sequence, version, outcome, key, actor)::text FROM eventstore.event
     WHERE writer ^@ $1 ORDER BY position
) || ARRAY(
    SELECT (tenant, stream, sequence, version, convert_from(document, 'UTF8'))::text FROM eventstore.stream
     WHERE strpos(stream, $1) > 0 ORDER BY position
) || ARRAY(
    SELECT (municipio_cod_ibge, stream, sequence, conflict_type, strategy, device_id, user_id)::text
      FROM projections.conflict WHERE device_id ^@ $1 ORDER BY device_id, municipio_cod_ibge, stream, sequence
) || ARRAY(
    SELECT (device_id, user_id, operations, applied, client_applied, merged, server_kept, no_change, parked,
            already_processed, refused, error_codes, municipios)::text
      FROM techdengue.sync_request WHERE device_id ^@ $1 ORDER BY 1
) || ARRAY(
    SELECT (device_id, owner, forgotten_at)::text FROM techdengue.device WHERE device_id ^@ $1 ORDER BY device_id
)"""
"""What is in the database of the devices whose names begin with $1."""
LOGGED = """
SELECT writer, key, outcome, CASE outcome WHEN 'conflict' THEN '' ELSE version::text END
  FROM eventstore.event WHERE writer ^@ $1"""
"""What such devices may have been told."""


@pytest.fixture(autouse=True)
def nothing_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no time passes, nothing is forgotten of a device, and none is read because it was mistaken."""
    monkeypatch.setattr("techdengue.intake.recent._SECONDS", 0.0)


@pytest.fixture
async def owner(own_database: Any) -> AsyncIterator[asyncpg.Connection]:
    """A connection that may see and change everything."""
    connection = await asyncpg.connect(own_database.owner_url)
    yield connection
    await connection.close()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example(steps=[(0, "device-a", FIELD, [CREATE]), (0, "device-a", FIELD, []), (0, "device-a", OTHER, [CREATE])])
@given(steps=STEPS)
async def test_two_that_remember_answer_as_two_that_read(
    pool: asyncpg.Pool, owner: asyncpg.Connection, steps: Any
) -> None:
    reading = await _play(pool, owner, steps, room=0)
    assert await _play(pool, owner, steps, room=1_000_000) == reading
    assert await _play(pool, owner, steps, room=3_000) == reading


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rounds=AT_ONCE)
async def test_what_several_at_once_are_told_is_in_the_log(
    pool: asyncpg.Pool, owner: asyncpg.Connection, rounds: Any
) -> None:
    name = f"play{next(PLAYS)}-"
    told: set[tuple[str, ...]] = set()
    async with _two(pool, 1_000_000) as intakes:
        for steps in rounds:
            at_once = (_step(pool, intakes[process], name, *step) for process, *step in steps)
            for answer, (_, device, *_) in zip(await asyncio.gather(*at_once), steps, strict=True):
                told |= _events_told(answer, name + device)
    assert told <= {tuple(row) for row in await owner.fetch(LOGGED, name)}
    await owner.execute("SET ROLE techdengue_projector")
    checked = [await verify(owner, what) for what in ("heads", "conflict")]
    await owner.execute("RESET ROLE")
    assert [one.differences for one in checked] == [[], []]


async def _play(pool: asyncpg.Pool, owner: asyncpg.Connection, steps: Any, *, room: int) -> list[str]:
    """What was answered, and what is in the database, of devices and entities of this play."""
    name = f"play{next(PLAYS)}-"
    async with _two(pool, room) as intakes:
        told = [_told(await _step(pool, intakes[process], name, *step)) for process, *step in steps]
    return [str(one).replace(name, "play-") for one in (*told, *await owner.fetchval(LEFT, name))]


@contextlib.asynccontextmanager
async def _two(pool: asyncpg.Pool, room: int) -> AsyncIterator[list[Intake]]:
    intakes = [Intake(pool, Settings(database_url="unused")) for _ in range(2)]
    for intake in intakes:
        intake._group._recent = Recent(room=room, now=lambda: 0.0)
        await intake.start()
    yield intakes
    for intake in intakes:
        await intake.stop()


async def _step(
    pool: asyncpg.Pool, intake: Intake, name: str, device: str, caller: Caller, batch: Any
) -> SyncAnswer | None:
    """The answer; None where there is none, because the device is another's, or forgotten by this step."""
    if batch:
        with contextlib.suppress(DeviceTaken):
            return await _send(intake, name, device, caller, batch)
    else:
        await pool.execute(
            "UPDATE techdengue.device SET forgotten_at = '2026-01-01Z' WHERE device_id = $1", name + device
        )
    return None


async def _send(intake: Intake, name: str, device: str, caller: Caller, batch: Any) -> SyncAnswer:
    operations = [_sent(name, *operation) for operation in batch]
    return await Speaker(intake).send(*operations, device=name + device, caller=caller)


def _sent(
    name: str, kind: str, entity: int, base: int | None, strategy: str, key: int, municipio: str | None, type_: str
) -> SentOperation:
    more = {"base_version": base, "municipio_cod_ibge": municipio}
    patches: dict[tuple[str, str], dict[str, Any]] = {
        ("create", "atividade"): {"tipo": "VISTORIA", "municipio_cod_ibge": municipio or CUIABA},
        ("update", "atividade"): {"origem": "MANUAL", "metadata": {str(key): entity}},
        ("create", "evidencia"): {**EVIDENCE, "atividade_id": f"{name}{base or 1}"},
        ("update", "evidencia"): {"status": "UPLOADING"},
    }
    return sent(
        kind,
        f"{name}{entity}",
        f"k{key}",
        patches.get((kind, type_)),
        entity_type=type_,
        conflict_resolution_strategy=strategy,
        **{field: value for field, value in more.items() if value is not None},
    )


def _told(answer: SyncAnswer | None) -> list[Any]:
    if answer is None:
        return []
    return [
        [(one.status, one.version, one.already_processed, _bytes(one.server_data)) for one in answer.successes],
        [(one.conflict_type, one.suggested_resolution, _bytes(one.server_data)) for one in answer.conflicts],
        [(one.code, one.path, one.message) for one in answer.errors],
    ]


def _events_told(answer: SyncAnswer | None, device: str) -> set[tuple[str, ...]]:
    if answer is None:
        return set()
    parked = {(device, one.idempotency_key, "conflict", "") for one in answer.conflicts}
    return parked | {(device, one.idempotency_key, one.status.value, str(one.version)) for one in answer.successes}


def _bytes(shown: Any) -> bytes | None:
    return bytes(shown) if shown else None
