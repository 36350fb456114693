"""What the server finds out is in the log once, with what is written beside it, or it is not recorded at all."""

import asyncio
import uuid
from typing import Any

import asyncpg
import msgspec
import pytest

from techdengue.dev.database import Database
from techdengue.domain.evidencia import ONCE_VERIFIED
from techdengue.domain.operation import Choice, ErrorCode
from techdengue.intake import Intake, Resolution, ResolutionRefused, Seal, Sealed, SealRefused
from techdengue.resolver import decode_state, document

from .conftest import CUIABA, FIELD, MANAGER, Speaker, created, sent

HASH = "ab" * 32
EVIDENCE: dict[str, Any] = {"atividade_id": 1, "tipo": "FOTO", "hash_sha256": HASH, "tamanho_bytes": 7}


async def evidence(device: Speaker, pool: asyncpg.Pool, entity_id: int | str = 5) -> str:
    """An evidencia of an atividade whose upload has begun; the key of its object."""
    await device.send(created(1, "a"), sent("create", entity_id, f"e{entity_id}", EVIDENCE, entity_type="evidencia"))
    return await begin(pool, entity_id)


async def begin(pool: asyncpg.Pool, entity_id: int | str = 5) -> str:
    key = f"evidencias/{uuid.uuid4()}"
    await pool.execute(
        "INSERT INTO techdengue.evidence_file AS f (municipio_cod_ibge, evidencia_id, object_key, size_bytes, "
        "hash_sha256, content_type, started_by) VALUES ($1, $2, $3, 7, $4, 'image/jpeg', 'ana') "
        "ON CONFLICT (municipio_cod_ibge, evidencia_id) DO UPDATE SET object_key = excluded.object_key, "
        "status = 'uploading', deleted_at = NULL",
        CUIABA, str(entity_id), key, HASH,
    )  # fmt: skip
    return key


def finding(object_key: str, entity_id: int | str = 5, **more: Any) -> Seal:
    fields: dict[str, Any] = {
        "municipio": CUIABA,
        "entity_type": "evidencia",
        "entity_id": entity_id,
        "key": f"verified/{object_key}",
        "expected": {"hash_sha256": (HASH,), "status": (None, "PENDENTE", "UPLOADING", "ERRO", "CONCLUIDA")},
        "data": {"status": "CONCLUIDA", "hash_sha256": HASH, "tamanho_bytes": 7, "content_type": "image/jpeg"},
        "seals": ONCE_VERIFIED,
        "object_key": object_key,
        "sniffed_type": "image/jpeg",
    }
    return Seal(**{**fields, **more})


async def shown(pool: asyncpg.Pool, entity_id: int | str = 5) -> dict[str, Any]:
    raw = await pool.fetchval(
        "SELECT state FROM eventstore.stream WHERE tenant = $1 AND stream = $2", CUIABA, f"evidencia/{entity_id}"
    )
    return document(decode_state(raw)) or {}


async def row(pool: asyncpg.Pool, entity_id: int | str = 5) -> Any:
    return await pool.fetchrow("SELECT * FROM techdengue.evidence_file WHERE evidencia_id = $1", str(entity_id))


async def events(pool: asyncpg.Pool, entity_id: int | str = 5) -> list[Any]:
    found: list[Any] = await pool.fetch(
        "SELECT * FROM eventstore.event WHERE stream = $1 ORDER BY sequence", f"evidencia/{entity_id}"
    )
    return found


async def test_a_finding_is_an_event_of_the_server_on_a_users_call_and_marks_its_file(
    intake: Intake, device: Speaker, pool: asyncpg.Pool, own_database: Database
) -> None:
    key = await evidence(device, pool)
    sealed = await intake.seal(MANAGER, finding(key))
    assert isinstance(sealed, Sealed)
    assert not sealed.already_processed
    assert (await shown(pool))["status"] == "CONCLUIDA"
    event = (await events(pool))[-1]
    assert (event["writer"], event["actor"], event["outcome"]) == ("server:gestora", "gestora", "applied")
    assert (event["rule_set"], event["version"]) == (2, sealed.version)
    assert msgspec.json.decode(event["metadata"])["role"] == "GESTOR"
    owner = await asyncpg.connect(own_database.owner_url)
    run = await owner.fetchrow("SELECT job, arguments, status FROM jobs.run")
    await owner.close()
    assert (run["job"], run["status"]) == ("describe_evidence", "queued")
    assert msgspec.json.decode(run["arguments"]) == {"municipio_cod_ibge": CUIABA, "evidencia_id": "5"}
    file = await row(pool)
    assert (file["status"], file["verified_by"], file["sniffed_type"]) == ("verified", "gestora", "image/jpeg")
    assert file["verified_at"] == event["recorded_at"]


async def test_the_same_finding_at_once_and_again_is_one_event(
    intake: Intake, device: Speaker, pool: asyncpg.Pool
) -> None:
    key = await evidence(device, pool)
    found = await asyncio.gather(*(intake.seal(caller, finding(key)) for caller in (FIELD, MANAGER, FIELD, MANAGER)))
    assert sorted(sealed.already_processed for sealed in found) == [False, True, True, True]
    again = await intake.seal(FIELD, finding(key))
    assert again.already_processed
    assert len(await events(pool)) == 2


async def test_an_upload_that_was_given_up_cannot_be_recorded_and_nobody_elses_work_suffers(
    intake: Intake, device: Speaker, pool: asyncpg.Pool
) -> None:
    key, other = await evidence(device, pool), await evidence(device, pool, "outra")
    await begin(pool)
    results = await asyncio.gather(
        intake.seal(FIELD, finding(key)),
        intake.seal(FIELD, finding(other, "outra")),
        device.send(created(2, "b"), device="device-b"),
        return_exceptions=True,
    )
    assert isinstance(results[0], SealRefused)
    assert isinstance(results[1], Sealed)
    assert (await shown(pool)).get("status") != "CONCLUIDA"
    assert (await row(pool))["status"] == "uploading"
    assert len(await events(pool)) == 1


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"hash_sha256": "cd" * 32}, "hash_sha256"), ({"status": "DELETADA"}, "status")],
)
async def test_a_finding_about_what_was_changed_meanwhile_is_refused(
    intake: Intake, device: Speaker, pool: asyncpg.Pool, changed: dict[str, Any], field: str
) -> None:
    key = await evidence(device, pool)
    await device.send(sent("update", 5, "u", changed, entity_type="evidencia"))
    with pytest.raises(SealRefused) as refused:
        await intake.seal(FIELD, finding(key))
    assert refused.value.field == field
    assert (await row(pool))["status"] == "uploading"


async def test_a_finding_about_what_was_deleted_does_not_bring_it_back(
    intake: Intake, device: Speaker, pool: asyncpg.Pool
) -> None:
    key = await evidence(device, pool)
    await device.send(sent("delete", 5, "d", entity_type="evidencia"))
    with pytest.raises(SealRefused, match="deleted"):
        await intake.seal(FIELD, finding(key))
    assert await shown(pool) == {}


async def test_what_is_sealed_and_uploaded_anew_is_marked_without_another_event(
    intake: Intake, device: Speaker, pool: asyncpg.Pool
) -> None:
    await intake.seal(FIELD, finding(await evidence(device, pool)))
    new = await begin(pool)
    assert (await intake.seal(FIELD, finding(new))).already_processed
    assert (await row(pool))["status"] == "verified"
    assert len(await events(pool)) == 2


async def test_a_device_is_told_what_holds_instead_of_its_late_status(
    intake: Intake, device: Speaker, pool: asyncpg.Pool
) -> None:
    await intake.seal(FIELD, finding(await evidence(device, pool)))
    late = sent(
        "update", 5, "late", {"status": "UPLOADING", "descricao": "vaso"}, entity_type="evidencia",
        conflict_resolution_strategy="client_wins",
    )  # fmt: skip
    answer = await device.send(late)
    success = answer.successes[0]
    assert success.status.value == "merged"
    assert isinstance(success.server_data, msgspec.Raw)
    told = msgspec.json.decode(success.server_data)
    assert (told["status"], told["descricao"]) == ("CONCLUIDA", "vaso")
    repeat = await device.send(late)
    assert repeat.successes[0].already_processed
    assert repeat.successes[0].server_data == success.server_data


async def test_nobody_writes_over_a_seal_when_settling_a_conflict(
    intake: Intake, device: Speaker, pool: asyncpg.Pool
) -> None:
    key = await evidence(device, pool)
    parked = await device.send(
        sent("update", 5, "m", {"status": "ERRO"}, entity_type="evidencia", conflict_resolution_strategy="manual",
             base_version=0),
        device="device-b", caller=MANAGER,
    )  # fmt: skip
    await intake.seal(FIELD, finding(key))
    conflict = parked.conflicts[0].conflict_id
    with pytest.raises(ResolutionRefused) as refused:
        await intake.resolve_conflict(
            MANAGER, conflict, Resolution(choice=Choice.CUSTOM, idempotency_key="r", data={"status": "ERRO"})
        )
    assert (refused.value.code, refused.value.path) == (ErrorCode.INVALID_DATA, "/data/status")
    await intake.resolve_conflict(MANAGER, conflict, Resolution(choice=Choice.CLIENT, idempotency_key="s"))
    assert (await shown(pool))["status"] == "CONCLUIDA"
