"""What a device may rely on when it sends a batch: the log, the answers, the keys."""

import asyncio

import asyncpg
import msgspec
import pytest

from techdengue.dev.database import Database
from techdengue.domain.access import Caller, Role
from techdengue.domain.operation import Choice, ErrorCode, Outcome
from techdengue.intake import DeviceTaken, Intake, Malformed, Resolution, SyncAnswer
from techdengue.intake.errors import ConflictAlreadyResolved, ResolutionRefused
from techdengue.settings import Settings

from .conftest import CUIABA, MANAGER, VARZEA_GRANDE, Speaker, created, sent

BOTH = Caller(user="ana", role=Role.CAMPO, municipios=frozenset({CUIABA, VARZEA_GRANDE}))


async def test_a_create_and_an_update_of_one_batch_take_effect_in_the_order_sent(device: Speaker) -> None:
    answer = await device.send(created(1, "k1"), sent("update", 1, "k2", {"status": "CONCLUIDA"}))
    assert [success.status for success in answer.successes] == [Outcome.APPLIED, Outcome.APPLIED]
    assert [success.version for success in answer.successes] == [1, 2]
    assert answer.processed == 2


async def test_a_repeat_answers_the_recorded_outcome_and_changes_nothing(device: Speaker, pool: asyncpg.Pool) -> None:
    first = await device.send(created(1, "k1"))
    again = await device.send(created(1, "k1"))
    assert not first.successes[0].already_processed
    assert again.successes[0].already_processed
    assert again.successes[0].version == 1
    assert await pool.fetchval("SELECT count(*) FROM eventstore.event") == 1


async def test_both_copies_in_one_batch_are_one_operation(device: Speaker) -> None:
    answer = await device.send(created(1, "k1"), created("1", "k1"))
    assert [success.already_processed for success in answer.successes] == [False, True]
    assert answer.successes[1].entity_id == "1"


async def test_a_key_with_other_content_is_refused(device: Speaker) -> None:
    await device.send(created(1, "k1"))
    answer = await device.send(created(2, "k1"), created(3, "k3"), created(4, "k3"))
    assert [(error.index, error.code) for error in answer.errors] == [
        (0, ErrorCode.IDEMPOTENCY_KEY_REUSED),
        (2, ErrorCode.IDEMPOTENCY_KEY_REUSED),
    ]


async def test_a_refused_operation_leaves_its_key_free_and_its_neighbours_alone(device: Speaker) -> None:
    first = await device.send(sent("update", 9, "k1", {"status": "CONCLUIDA"}), created(1, "k2"))
    assert first.errors[0].code is ErrorCode.ENTITY_NOT_FOUND
    assert first.successes[0].status is Outcome.APPLIED
    second = await device.send(created(9, "k1"))
    assert second.successes[0].already_processed is False


async def test_a_malformed_operation_is_an_entry_in_errors(device: Speaker) -> None:
    answer = await device.send(Malformed(message="Expected `str`", path="/client_timestamp"), created(1, "k1"))
    assert (answer.errors[0].index, answer.errors[0].path) == (0, "/client_timestamp")
    assert len(answer.successes) == 1


async def test_a_devices_second_offline_edit_does_not_conflict_with_its_first(device: Speaker) -> None:
    await device.send(created(1, "k1"))
    edits = [sent("update", 1, f"e{n}", {"descricao": f"edit {n}"}, base_version=1) for n in range(3)]
    answer = await device.send(*edits)
    assert [success.status for success in answer.successes] == [Outcome.APPLIED] * 3


async def test_an_unseen_change_of_another_device_is_a_conflict(device: Speaker) -> None:
    await device.send(created(1, "k1"))
    await device.send(
        sent("update", 1, "b1", {"status": "CONCLUIDA"}, base_version=1), device="device-b", caller=MANAGER
    )
    stale = sent("update", 1, "a2", {"status": "CANCELADA"}, base_version=1, conflict_resolution_strategy="server_wins")
    answer = await device.send(stale)
    assert answer.successes[0].status is Outcome.SERVER_KEPT
    assert b"CONCLUIDA" in _shown(answer)
    again = await device.send(stale)
    assert again.successes[0].already_processed
    assert _shown(again) == _shown(answer)


async def test_a_merge_uses_the_base_from_the_log(device: Speaker) -> None:
    await device.send(created(1, "k1", metadata={"tags": ["a", "b"]}))
    for n in range(3):
        await device.send(
            sent("update", 1, f"b{n}", {"metadata": {"tags": ["a", "b", f"server{n}"]}}),
            device="device-b",
            caller=MANAGER,
        )
    answer = await device.send(
        sent(
            "update", 1, "a2", {"metadata": {"tags": ["b", "mine"]}}, base_version=1,
            conflict_resolution_strategy="merge",
        )
    )  # fmt: skip
    assert answer.successes[0].status is Outcome.MERGED
    assert b'["b","server2","mine"]' in _shown(answer)


async def test_a_parked_conflict_is_settled_once(device: Speaker, intake: Intake) -> None:
    await device.send(created(1, "k1"))
    await device.send(sent("update", 1, "b1", {"status": "CONCLUIDA"}), device="device-b", caller=MANAGER)
    parked = await device.send(
        sent("update", 1, "a2", {"status": "CANCELADA"}, base_version=1, conflict_resolution_strategy="manual")
    )
    conflict = parked.conflicts[0]
    assert conflict.server_data is not None
    assert "status" in conflict.suggested_resolution
    choice = Resolution(choice=Choice.CLIENT, idempotency_key="r1", note="field was right")
    resolved = await intake.resolve_conflict(MANAGER, conflict.conflict_id, choice)
    assert (resolved.version, resolved.already_processed) == (4, False)
    again = await intake.resolve_conflict(MANAGER, conflict.conflict_id, choice)
    assert again.already_processed
    with pytest.raises(ConflictAlreadyResolved) as refused:
        await intake.resolve_conflict(
            MANAGER, conflict.conflict_id, Resolution(choice=Choice.SERVER, idempotency_key="r2")
        )
    assert refused.value.resolved == msgspec.structs.replace(resolved, note="field was right")


async def test_two_people_who_settle_at_once_leave_one_resolution(device: Speaker, intake: Intake) -> None:
    await device.send(created(1, "k1"))
    await device.send(sent("update", 1, "b1", {"status": "CONCLUIDA"}), device="device-b", caller=MANAGER)
    parked = await device.send(
        sent("update", 1, "a2", {"status": "CANCELADA"}, base_version=1, conflict_resolution_strategy="manual")
    )
    outcomes = await asyncio.gather(
        *(
            intake.resolve_conflict(
                MANAGER, parked.conflicts[0].conflict_id, Resolution(choice=Choice.CLIENT, idempotency_key=f"r{n}")
            )
            for n in range(6)
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, ConflictAlreadyResolved) for outcome in outcomes) == 5


async def test_a_decision_that_arrives_twice_at_once_is_one_and_both_are_told_so(
    device: Speaker, own_database: Database
) -> None:
    await device.send(created(1, "k1"))
    await device.send(sent("update", 1, "b1", {"status": "CONCLUIDA"}), device="device-b", caller=MANAGER)
    parked = await device.send(
        sent("update", 1, "a2", {"status": "CANCELADA"}, base_version=1, conflict_resolution_strategy="manual")
    )
    conflict, decision = parked.conflicts[0].conflict_id, Resolution(choice=Choice.CLIENT, idempotency_key="r1")
    role = {"role": "techdengue_intake"}
    async with asyncpg.create_pool(own_database.server_url, min_size=0, max_size=1, server_settings=role) as one:
        # One connection: the copies are of one group, and who looks at the conflict again sees it after the commit.
        intake = Intake(one, Settings(database_url="unused", committers=1))
        copies = [asyncio.create_task(intake.resolve_conflict(MANAGER, conflict, decision)) for _ in range(3)]
        while intake.waiting() < len(copies):  # noqa: ASYNC110 - the queue tells nobody that it grew
            await asyncio.sleep(0)
        await intake.start()
        told = await asyncio.gather(*copies)
        await intake.stop()
    assert sorted(each.already_processed for each in told) == [False, True, True]
    assert len({msgspec.structs.replace(each, already_processed=False) for each in told}) == 1


async def test_a_custom_resolution_is_validated(device: Speaker, intake: Intake) -> None:
    await device.send(created(1, "k1"))
    await device.send(sent("update", 1, "b1", {"status": "CONCLUIDA"}), device="device-b", caller=MANAGER)
    parked = await device.send(
        sent("update", 1, "a2", {"status": "CANCELADA"}, base_version=1, conflict_resolution_strategy="manual")
    )
    with pytest.raises(ResolutionRefused):
        await intake.resolve_conflict(
            MANAGER,
            parked.conflicts[0].conflict_id,
            Resolution(choice=Choice.CUSTOM, idempotency_key="r1", data={"status": "NONSENSE"}),
        )


async def test_a_device_belongs_to_the_user_who_first_syncs_with_it(device: Speaker) -> None:
    await device.send(created(1, "k1"))
    with pytest.raises(DeviceTaken):
        await device.send(created(2, "k2"), caller=MANAGER)


async def test_foreign_municipios_are_neither_seen_nor_in_the_way(device: Speaker) -> None:
    await device.send(
        created(1, "k1", VARZEA_GRANDE),
        device="device-b",
        caller=Caller(user="bia", role=Role.CAMPO, municipios=frozenset({VARZEA_GRANDE})),
    )
    mine = await device.send(created(1, "k1"), sent("update", 1, "k2", {"status": "CONCLUIDA"}))
    assert [success.status for success in mine.successes] == [Outcome.APPLIED] * 2
    foreign = await device.send(created(2, "k3", VARZEA_GRANDE))
    assert foreign.errors[0].code is ErrorCode.FORBIDDEN_MUNICIPIO
    both = await device.send(sent("update", 1, "k4", {"status": "CANCELADA"}), caller=BOTH)
    assert both.errors[0].code is ErrorCode.MUNICIPIO_REQUIRED
    named = await device.send(
        sent("update", 1, "k4", {"status": "CANCELADA"}, municipio_cod_ibge=VARZEA_GRANDE), caller=BOTH
    )
    assert len(named.successes) == 1


async def test_an_evidencia_takes_its_municipio_from_its_atividade(device: Speaker, pool: asyncpg.Pool) -> None:
    proof = {"tipo": "FOTO", "hash_sha256": "a" * 64, "tamanho_bytes": 10, "content_type": "image/jpeg"}
    answer = await device.send(
        created(1, "k1"),
        sent("create", "e1", "k2", {"atividade_id": 1, **proof}, entity_type="evidencia"),
        sent("create", "e2", "k3", {"atividade_id": 404, **proof}, entity_type="evidencia"),
    )
    assert len(answer.successes) == 2
    assert (answer.errors[0].code, answer.errors[0].path) == (ErrorCode.INVALID_DATA, "/data/atividade_id")
    assert await pool.fetchval("SELECT tenant FROM eventstore.event WHERE stream = 'evidencia/e1'") == CUIABA


async def test_the_municipio_of_an_atividade_never_changes(device: Speaker) -> None:
    await device.send(created(1, "k1"))
    answer = await device.send(sent("update", 1, "k2", {"municipio_cod_ibge": VARZEA_GRANDE}), caller=BOTH)
    assert answer.errors[0].path == "/data/municipio_cod_ibge"


async def test_a_fast_clock_is_corrected_and_warned_of(device: Speaker) -> None:
    data = {"tipo": "LIRAA", "municipio_cod_ibge": CUIABA}
    answer = await device.send(sent("create", 2, "k2", data, client_timestamp="9999-12-31T23:59:59Z"))
    assert answer.successes[0].warnings == ("clock_skew",)


async def test_concurrent_batches_on_one_entity_lose_nothing(device: Speaker, pool: asyncpg.Pool) -> None:
    await device.send(created(1, "k1"))
    caller = {n: Caller(user=f"user-{n}", role=Role.CAMPO, municipios=frozenset({CUIABA})) for n in range(20)}
    answers = await asyncio.gather(
        *(
            device.send(
                *(sent("update", 1, f"d{n}-{i}", {"metadata": {f"f{n}": i}}) for i in range(5)),
                device=f"device-{n}",
                caller=caller[n],
            )
            for n in range(20)
        )
    )
    assert sum(len(answer.successes) for answer in answers) == 100
    rows = await pool.fetch("SELECT sequence, position FROM eventstore.event ORDER BY position")
    assert [row["sequence"] for row in rows] == list(range(1, 102))
    assert [row["position"] for row in rows] == list(range(1, 102))


async def test_a_request_is_in_the_request_log(device: Speaker, own_database: Database) -> None:
    await device.send(created(1, "k1"), sent("update", 9, "k2", {"status": "CONCLUIDA"}))
    connection = await asyncpg.connect(own_database.owner_url)
    row = await connection.fetchrow("SELECT * FROM techdengue.sync_request")
    await connection.close()
    assert (row["operations"], row["applied"], row["refused"]) == (2, 1, 1)
    assert (row["error_codes"], row["municipios"], row["user_id"]) == (["entity_not_found"], [CUIABA], "ana")


def _shown(answer: SyncAnswer) -> bytes:
    """The document that the first success shows."""
    data = answer.successes[0].server_data
    assert isinstance(data, msgspec.Raw)
    return bytes(data)
