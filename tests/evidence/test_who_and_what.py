"""Whose files are reached by whom, and what of a verified file nobody undoes."""

import asyncio
import datetime as dt
from typing import Any

import httpx
import pytest

from techdengue.asgi import create_app
from techdengue.dev.database import Database
from techdengue.domain.access import Role
from techdengue.domain.operation import Strategy
from tests.conftest import MakeDatabase
from tests.http.conftest import CUIABA, VARZEA_GRANDE, Tokens, alive, settings_for

from .conftest import Agent, _operation
from .making import photo

CALLS = [
    ("POST", "upload"),
    ("GET", "upload"),
    ("DELETE", "upload"),
    ("POST", "upload/complete"),
    ("GET", "download"),
    ("GET", "thumbnail"),
]


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("method", "call"), CALLS)
async def test_a_file_of_another_municipio_is_not_there_whatever_the_role(
    agent: Agent, tokens: Tokens, method: str, call: str, role: Role
) -> None:
    evidencia_id = await agent.upload(photo(50_000))
    foreign = tokens.bearer(role, VARZEA_GRANDE, user="bia")
    answer = await agent.ask(method, evidencia_id, call, headers=foreign)
    nothing = await agent.ask(method, "no-such-photo", call, headers=foreign)
    assert (answer.status_code, answer.json()["code"]) == (404, "entity_not_found")
    assert {**answer.json(), "instance": ""} == {**nothing.json(), "instance": ""}
    named = await agent.ask(method, evidencia_id, call, headers=foreign, params={"municipio_cod_ibge": CUIABA})
    assert named.status_code == 404
    assert (await agent.begin(evidencia_id))["status"] == "verified"


async def test_an_id_of_two_municipios_is_told_apart_by_its_municipio(agent: Agent, tokens: Tokens) -> None:
    body = photo(50_000)
    evidencia_id = await agent.evidence(body)
    both = tokens.bearer(Role.GESTOR, CUIABA, VARZEA_GRANDE, user="gestora")
    there = {"tipo": "VISTORIA", "municipio_cod_ibge": VARZEA_GRANDE}
    said = {"atividade_id": "la", "hash_sha256": "ab" * 32, "tamanho_bytes": 7, "content_type": "image/png"}
    batch = {
        "operations": [
            _operation("create", "la", there, entity_type="atividade"),
            _operation("create", evidencia_id, said),
        ]
    }
    answer = await agent.api.post("/api/sync", json=batch, headers={**both, "x-device-id": "console-pc"})
    assert len(answer.json()["successes"]) == 2
    unclear = await agent.ask("POST", evidencia_id, "upload", headers=both)
    assert (unclear.status_code, unclear.json()["code"]) == (400, "municipio_required")
    for municipio, content_type in ((CUIABA, "image/jpeg"), (VARZEA_GRANDE, "image/png")):
        named = await agent.ask("POST", evidencia_id, "upload", headers=both, params={"municipio_cod_ibge": municipio})
        assert (named.json()["municipio_cod_ibge"], named.json()["content_type"]) == (municipio, content_type)


async def test_an_agent_does_not_give_up_what_a_colleague_is_uploading(agent: Agent) -> None:
    body = photo(50_000)
    evidencia_id = await agent.evidence(body)
    upload = await agent.begin(evidencia_id)
    colleague = agent.tokens.bearer(Role.CAMPO, CUIABA, user="bia")
    refused = await agent.ask("DELETE", evidencia_id, "upload", headers=colleague)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden_role")
    await agent.send(body, upload)
    assert (await agent.complete(evidencia_id)).status_code == 200


async def test_who_watches_over_a_municipio_gives_up_anybodys_upload(agent: Agent) -> None:
    evidencia_id = await agent.evidence(photo(50_000))
    await agent.begin(evidencia_id)
    watching = agent.tokens.bearer(Role.VIGILANCIA, CUIABA, user="vera")
    assert (await agent.ask("DELETE", evidencia_id, "upload", headers=watching)).status_code == 204
    assert (await agent.complete(evidencia_id)).json()["code"] == "upload_not_begun"


@pytest.mark.parametrize("how", ["delete", "DELETADA"])
@pytest.mark.parametrize(("method", "call"), CALLS)
async def test_a_deleted_evidencia_has_no_file_any_more(agent: Agent, how: str, method: str, call: str) -> None:
    evidencia_id = await agent.upload(photo(50_000))
    if how == "delete":
        await agent.delete(evidencia_id)
    else:
        await agent.update(evidencia_id, {"status": "DELETADA"})
    answer = await agent.ask(method, evidencia_id, call)
    assert (answer.status_code, answer.json()["code"]) == (410, "evidence_deleted")


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("base_version", [None, 0, 1, 2])
async def test_no_late_status_and_no_other_hash_of_a_device_undoes_a_verified_file(
    agent: Agent, strategy: Strategy, base_version: int | None
) -> None:
    evidencia_id = await agent.upload(photo(50_000))
    verified = await agent.document(evidencia_id)
    late: list[dict[str, Any]] = [
        {"status": "UPLOADING"},
        {"status": "ERRO"},
        {"status": "PENDENTE"},
        {"status": None},
        {"hash_sha256": "cd" * 32, "tamanho_bytes": 1, "content_type": "image/png"},
    ]
    more: dict[str, Any] = {"conflict_resolution_strategy": strategy.value}
    if base_version is not None:
        more["base_version"] = base_version
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).isoformat()
    for number, data in enumerate(late):
        answer = await agent.update(
            evidencia_id,
            data,
            device=f"late-{number % 2}",
            client_timestamp=soon if number % 2 else "2020-01-01T00:00:00Z",
            **more,
        )
        assert [success["status"] for success in answer["successes"]] == ["server_kept"], answer
        assert answer["successes"][0]["server_data"]["status"] == "CONCLUIDA"
    assert await agent.document(evidencia_id) == verified
    assert (await agent.begin(evidencia_id))["status"] == "verified"


async def test_a_device_that_races_with_the_verification_never_undoes_it(agent: Agent) -> None:
    body = photo(50_000)
    for _ in range(5):
        evidencia_id = await agent.evidence(body)
        await agent.send(body, await agent.begin(evidencia_id))
        completed, *_ = await asyncio.gather(
            agent.complete(evidencia_id),
            *(
                agent.update(
                    evidencia_id,
                    {"status": status},
                    device=f"racer-{status}",
                    conflict_resolution_strategy="client_wins",
                )
                for status in ("UPLOADING", "ERRO", "PENDENTE")
            ),
        )
        assert completed.status_code == 200
        assert (await agent.document(evidencia_id))["status"] == "CONCLUIDA"


async def test_a_device_cannot_say_that_a_file_is_verified(agent: Agent) -> None:
    evidencia_id = await agent.evidence(photo(50_000))
    answer = await agent.update(evidencia_id, {"status": "CONCLUIDA"})
    assert answer["errors"][0]["code"] == "invalid_data"


async def test_without_an_object_store_files_are_refused_and_the_rest_works(
    make_database: MakeDatabase, tokens: Tokens
) -> None:
    database: Database = await make_database()
    application = create_app(settings_for(tokens, database.server_url))
    async with (
        alive(application),
        httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test") as api,
    ):
        headers = {**tokens.bearer(), "x-device-id": "phone"}
        visit = _operation("create", "v", {"tipo": "LIRAA", "municipio_cod_ibge": CUIABA}, entity_type="atividade")
        assert (await api.post("/api/sync", json={"operations": [visit]}, headers=headers)).status_code == 200
        for method, call in CALLS:
            answer = await api.request(method, f"/api/evidencias/1/{call}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (501, "no_storage")
        assert (await api.get("/health/ready")).status_code == 200
