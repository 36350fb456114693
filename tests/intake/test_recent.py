"""What a process remembers of its last commits spares a read, and decides nothing that the log does not bear out."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore import write_times_quickly
from projections.naming import rfc3339
from techdengue.domain.access import Caller, Role
from techdengue.domain.operation import ErrorCode, Outcome
from techdengue.intake import DeviceTaken, Intake
from techdengue.intake.deciding import decide_batch
from techdengue.intake.decision import Decision
from techdengue.intake.jobs import BatchJob
from techdengue.intake.recent import Recent, Shelf
from techdengue.intake.statements import READ
from techdengue.intake.working import Working
from techdengue.settings import Settings

from .conftest import CUIABA, MANAGER, VARZEA_GRANDE, Speaker, created, sent
from .test_seals import HASH, evidence, finding

OTHER = Caller(user="bia", role=Role.CAMPO, municipios=frozenset({CUIABA}))
BOTH = Caller(user="ana", role=Role.CAMPO, municipios=frozenset({CUIABA, VARZEA_GRANDE}))
DONE = {"status": "CONCLUIDA"}
LONG_AGO = "2026-01-01T12:00:00Z"


class Reads:
    """How often the intake has asked the database what it must know."""

    def __init__(self) -> None:
        self.number = 0

    async def watch(self, connection: asyncpg.Connection) -> None:
        """Count on this connection."""
        await write_times_quickly(connection)
        connection.add_query_logger(self._count)

    def _count(self, query: Any) -> None:
        self.number += query.query == READ


@pytest.fixture
def reads() -> Reads:
    """A counter."""
    return Reads()


@pytest.fixture
async def pool(own_database: Any, reads: Reads) -> AsyncIterator[asyncpg.Pool]:
    """Connections as the server's intake has them, counted."""
    async with asyncpg.create_pool(
        own_database.server_url,
        min_size=0,
        max_size=8,
        init=reads.watch,
        server_settings={"role": "techdengue_intake"},
    ) as pool:
        yield pool


@pytest.fixture
async def owner(own_database: Any) -> AsyncIterator[asyncpg.Connection]:
    """A connection that may see and change everything."""
    connection = await asyncpg.connect(own_database.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def neighbour(pool: asyncpg.Pool) -> AsyncIterator[Speaker]:
    """The same devices at another process of the same database."""
    other = Intake(pool, Settings(database_url="unused"))
    await other.start()
    yield Speaker(other)
    await other.stop()


async def test_the_next_batches_of_a_device_are_not_read_for(device: Speaker, reads: Reads) -> None:
    await device.send(created(1, "c1"))
    assert reads.number == 1
    second = await device.send(created(2, "c2"), sent("update", 1, "u1", DONE, base_version=1), created(1, "c1"))
    stale = await device.send(sent("update", 1, "u2", {"origem": "MANUAL"}, base_version=1), device="device-a")
    assert reads.number == 1
    assert [(one.version, one.already_processed) for one in second.successes] == [(1, False), (2, False), (1, True)]
    assert [one.version for one in stale.successes] == [3]


async def test_a_stale_base_is_looked_up_in_what_is_remembered(device: Speaker, reads: Reads) -> None:
    await device.send(created(1, "c1"))
    await device.send(created(2, "c2"), device="device-b")
    await device.send(sent("update", 1, "u1", DONE, base_version=1))
    before = reads.number
    answer = await device.send(
        sent("update", 1, "u2", {"origem": "MANUAL"}, base_version=1, conflict_resolution_strategy="merge"),
        device="device-b",
    )
    assert reads.number == before
    assert answer.successes[0].status is Outcome.CLIENT_APPLIED
    assert answer.successes[0].version == 3


async def test_an_entity_that_nobody_remembers_is_read(device: Speaker, neighbour: Speaker, reads: Reads) -> None:
    await neighbour.send(created(1, "c1"), device="device-b")
    await device.send(created(2, "c2"))
    before = reads.number
    answer = await device.send(sent("update", 1, "u1", DONE, base_version=1))
    assert (answer.successes[0].status, reads.number) == (Outcome.APPLIED, before + 1)


async def test_what_another_process_changed_is_noticed_by_the_append(device: Speaker, neighbour: Speaker) -> None:
    await device.send(created(1, "c1"))
    await neighbour.send(sent("update", 1, "n1", DONE, base_version=1), device="device-b")
    answer = await device.send(sent("update", 1, "u1", {"origem": "MANUAL"}, base_version=1))
    assert (answer.successes[0].status, answer.successes[0].version) == (Outcome.CLIENT_APPLIED, 3)
    assert answer.successes[0].conflict_type is not None


async def test_a_device_that_was_mistaken_is_read_for_a_while(
    device: Speaker, neighbour: Speaker, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    await device.send(created(1, "c1"))
    await neighbour.send(created(2, "n1"))
    await device.send(created(3, "c3"))
    before = reads.number
    await device.send(created(4, "c4"))
    assert reads.number == before + 1
    monkeypatch.setattr("techdengue.intake.recent._SECONDS", 0.0)
    await device.send(created(5, "c5"))
    monkeypatch.setattr("techdengue.intake.recent._SECONDS", 30.0)
    before = reads.number
    await device.send(created(6, "c6"))
    assert reads.number == before


async def test_a_key_that_another_process_recorded_is_a_repeat(device: Speaker, neighbour: Speaker) -> None:
    await device.send(created(1, "c1"))
    await neighbour.send(created(2, "c2"))
    again = await device.send(created(2, "c2"), created(3, "c3"))
    assert [one.already_processed for one in again.successes] == [True, False]


async def test_an_entity_that_another_process_created_is_a_conflict(device: Speaker, neighbour: Speaker) -> None:
    await device.send(created(1, "c1"))
    await neighbour.send(created(2, "n2"), device="device-b")
    answer = await device.send(created(2, "c2"))
    assert answer.successes[0].conflict_type is not None


async def test_nothing_is_refused_on_the_strength_of_memory(device: Speaker, neighbour: Speaker) -> None:
    await device.send(created(1, "c1"))
    await neighbour.send(sent("update", 1, "n1", DONE, base_version=1), device="device-b")
    answer = await device.send(sent("update", 1, "u1", {"origem": "MANUAL"}, base_version=2))
    assert [one.version for one in answer.successes] == [3]
    unknown = await device.send(sent("update", 1, "u2", DONE, base_version=9))
    assert [one.code for one in unknown.errors] == [ErrorCode.UNKNOWN_BASE_VERSION]


async def test_a_devices_batches_keep_their_order_where_one_is_refused_something(device: Speaker) -> None:
    await device.send(created(1, "c1"))
    first, second = await asyncio.gather(
        device.send(sent("update", 1, "u1", {"origem": "ALERTA"}), sent("update", 9, "u9", DONE)),
        device.send(sent("update", 1, "u2", {"origem": "DENUNCIA"})),
    )
    assert [answer.successes[0].version for answer in (first, second)] == [2, 3]
    assert [one.code for one in first.errors] == [ErrorCode.ENTITY_NOT_FOUND]


async def test_a_group_of_refusals_is_decided_twice_at_most(device: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"device-{number}" for number in range(20)]
    for number, name in enumerate(names):
        await device.send(created(number, "c"), device=name)
    decided: list[BatchJob] = []

    def counted(job: BatchJob, working: Working) -> Decision:
        decided.append(job)
        return decide_batch(job, working)

    monkeypatch.setattr("techdengue.intake.group.decide_batch", counted)
    refused = {"municipio_cod_ibge": VARZEA_GRANDE}
    updates = [sent("update", n, "u", DONE if n < 10 else refused) for n in range(20)]
    await asyncio.gather(*(device.send(update, device=name) for update, name in zip(updates, names, strict=True)))
    assert len(decided) <= 40


async def test_a_finding_is_not_refused_for_what_a_batch_did_not_do(
    pool: asyncpg.Pool, intake: Intake, device: Speaker, neighbour: Speaker
) -> None:
    key = await evidence(device, pool)
    winning = {"entity_type": "evidencia", "conflict_resolution_strategy": "client_wins"}
    other = sent("update", 5, "u5", {"hash_sha256": "cd" * 32}, **winning)
    await neighbour.send(other)
    back = sent("update", 5, "b5", {"hash_sha256": HASH}, **winning)
    await neighbour.send(back, device="device-b")
    repeated, sealed = await asyncio.gather(device.send(other), intake.seal(MANAGER, finding(key)))
    assert repeated.successes[0].already_processed
    assert sealed.version == 4


async def test_what_was_remembered_to_be_missing_is_looked_for(device: Speaker, neighbour: Speaker) -> None:
    await device.send(created(1, "c1"))
    await neighbour.send(created(2, "n2"), device="device-b")
    answer = await device.send(created(3, "c3"), created(2, "c3"), sent("update", 2, "u2", DONE, base_version=1))
    assert [(one.index, one.code) for one in answer.errors] == [(1, ErrorCode.IDEMPOTENCY_KEY_REUSED)]
    assert [one.version for one in answer.successes] == [1, 2]


async def test_a_log_sent_again_is_told_as_the_first_time_however_little_is_remembered(
    device: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("techdengue.intake.recent._BATCHES", 0)
    late = sent("update", 1, "u1", {"origem": "MANUAL"}, base_version=1, conflict_resolution_strategy="server_wins")
    await device.send(created(1, "c1", origem="DENUNCIA"))
    await device.send(sent("update", 1, "u0", {"origem": "ALERTA"}, base_version=1), device="device-b")
    first = await device.send(late)
    assert first.successes[0].status is Outcome.SERVER_KEPT
    device.intake._group._recent._heads.clear()
    again = await device.send(created(1, "c1", origem="DENUNCIA"), late)
    assert [one.already_processed for one in again.successes] == [True, True]
    assert again.successes[1].server_data == first.successes[0].server_data


async def test_what_is_refused_leaves_its_neighbours_alone(device: Speaker) -> None:
    await device.send(created(1, "c1"))
    answer = await device.send(
        sent("update", 1, "u1", {"municipio_cod_ibge": VARZEA_GRANDE}), created(2, "c2"), created(1, "c2")
    )
    assert len(answer.errors) == 2
    assert [one.already_processed for one in answer.successes] == [False]


async def test_a_device_that_changed_hands_is_not_taken_for_its_former_owners(
    device: Speaker, neighbour: Speaker, owner: asyncpg.Connection
) -> None:
    await device.send(created(1, "c1"))
    await _forget_device(owner)
    await neighbour.send(created(2, "c2"), caller=OTHER)
    with pytest.raises(DeviceTaken):
        await device.send(created(3, "c3"))
    assert (await neighbour.send(created(4, "c4"), caller=OTHER)).processed == 1


async def test_a_device_that_changed_hands_takes_its_new_owner_for_nobody_else(
    device: Speaker, neighbour: Speaker, owner: asyncpg.Connection
) -> None:
    await device.send(created(1, "c1"))
    await _forget_device(owner)
    await neighbour.send(created(2, "c2"), caller=OTHER)
    assert (await device.send(created(3, "c3"), caller=OTHER)).processed == 1


async def test_a_forgotten_device_is_anybodys_where_it_is_remembered(
    device: Speaker, owner: asyncpg.Connection
) -> None:
    await device.send(created(1, "c1"))
    await _forget_device(owner)
    assert (await device.send(created(2, "c2"), caller=OTHER)).processed == 1


async def _forget_device(owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE techdengue.device SET forgotten_at = now() WHERE device_id = 'device-a'")


async def test_no_answer_is_too_large_on_the_strength_of_memory(
    device: Speaker, neighbour: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("techdengue.intake.deciding.LARGEST_ANSWER", 1000)
    await device.send(created(2, "c2"))
    await device.send(created(1, "c1", metadata={"large": "x" * 2000}), device="device-b")
    await neighbour.send(sent("delete", 1, "d1", base_version=1), device="device-b")
    parked = sent("update", 1, "u1", DONE, conflict_resolution_strategy="manual", client_timestamp=LONG_AGO)
    assert len((await device.send(parked)).conflicts) == 1


async def test_a_forgotten_device_is_registered_by_its_next_batch(device: Speaker, owner: asyncpg.Connection) -> None:
    await device.send(created(1, "c1"))
    await _forget_device(owner)
    assert (await device.send(created(2, "c2"))).processed == 1
    assert await owner.fetchval("SELECT forgotten_at FROM techdengue.device WHERE device_id = 'device-a'") is None


async def test_a_repeat_of_what_the_database_has_lost_is_recorded(device: Speaker, own_database: Any) -> None:
    await device.send(created(1, "c1"))
    owner = await asyncpg.connect(own_database.owner_url)
    await owner.execute("ALTER TABLE eventstore.event DISABLE TRIGGER ALL")
    await owner.execute("DELETE FROM eventstore.event; DELETE FROM eventstore.stream; DELETE FROM eventstore.writer")
    again = await device.send(created(1, "c1"))
    assert [one.already_processed for one in again.successes] == [False]
    assert await owner.fetchval("SELECT count(*) FROM eventstore.event") == 1
    await owner.close()


async def test_a_user_of_several_municipios_is_read_where_the_operation_names_none(
    device: Speaker, reads: Reads
) -> None:
    await device.send(created(1, "c1"), caller=BOTH)
    await device.send(created(2, "c2"), caller=BOTH)
    assert reads.number == 1
    await device.send(sent("update", 1, "u1", DONE, base_version=1), caller=BOTH)
    assert reads.number == 2


async def test_a_key_of_two_municipios_is_looked_up_as_if_nothing_were_remembered(device: Speaker) -> None:
    here = sent("update", 1, "k", DONE, base_version=1)
    there = sent("update", 1, "k", {"origem": "ALERTA"}, base_version=1, municipio_cod_ibge=VARZEA_GRANDE)
    await device.send(created(1, "c1"))
    await device.send(here)
    await device.send(created(1, "c2", VARZEA_GRANDE), there, caller=BOTH)
    answer = await device.send(there, here, caller=BOTH)
    assert [one.already_processed for one in answer.successes] == [True, True]


async def test_no_answer_is_of_the_future_because_a_read_was_slow(
    device: Speaker, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("techdengue.intake.reading._QUICK_SECONDS", 0.1)
    async with owner.transaction():
        await owner.execute("LOCK TABLE eventstore.event IN ACCESS EXCLUSIVE MODE")
        slow = asyncio.create_task(device.send(created(1, "c1")))
        await asyncio.sleep(0.3)
    await slow
    answer = await device.send(created(2, "c2"))
    assert answer.server_timestamp <= rfc3339(await owner.fetchval("SELECT clock_timestamp()"))


@given(puts=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60)), max_size=40))
def test_a_shelf_holds_the_latest_that_there_is_room_for(puts: list[tuple[int, int]]) -> None:
    shelf: Shelf[int, int] = Shelf(100)
    held: dict[int, int] = {}
    for key, size in puts:
        shelf.put(key, size, size)
        held.pop(key, None)
        held[key] = size
        while sum(held.values()) > 100:
            del held[next(iter(held))]
        assert {key: shelf.get(key) for key in range(6)} == {key: held.get(key) for key in range(6)}


def test_what_no_shelf_has_room_for_drives_nothing_out() -> None:
    shelf: Shelf[int, int] = Shelf(100)
    shelf.put(1, 1, 60)
    shelf.put(2, 2, 101)
    assert (shelf.get(1), shelf.get(2)) == (1, None)
    shelf.put(1, 3, 101)
    assert shelf.get(1) is None


def test_the_databases_time_is_told_from_ours_for_a_while() -> None:
    recent = Recent()
    assert recent.time_at(10.0) is None
    recent.read_time(1_000_000, 10.0)
    assert recent.time_at(11.5) == 2_500_000
    assert recent.time_at(15.0) is None
