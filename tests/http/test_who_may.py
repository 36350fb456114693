"""Who may do what: every endpoint × every role × own and foreign município × no, expired and forged token, for real."""

import datetime as dt
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from techdengue.dev.private_files import keep_signing_key
from techdengue.domain.access import Role
from techdengue.http.app import ENDPOINTS
from techdengue.http.local_tokens import mint_local_token
from techdengue.http.roles import LEAST_ROLE

from .conftest import CUIABA, VARZEA_GRANDE, Tokens, operation

ABSENT = "0192f3a1-c0de-7abc-8def-0123456789ab"
NO_REPORT = {"code": "EVD01", "atividade_id": "no-such-activity"}
"""Of a report in another município, tests/http/test_real_reports.py tells."""


class Ask(msgspec.Struct, frozen=True):
    """A request to an endpoint that answers `allowed` to who may, and `foreign` about another município's things."""

    name: str
    method: str
    path: str
    allowed: int = 200
    foreign: int = 200
    body: Any = None
    lines: str | None = None


def _asks(world: "World") -> list[Ask]:
    entity, conflict = "/api/entities/atividade/walk", f"/api/conflicts/{world.conflict_id}"
    photo = "/api/evidencias/walk-photo"
    resolution = {"choice": "server", "idempotency_key": "settle-walk", "note": "n"}
    return [
        Ask("sync", "POST", "/api/sync", body={"operations": []}),
        Ask("sync_stream", "POST", "/api/sync/stream", lines="\n"),
        Ask("sync_ws", "GET", "/api/sync/ws", allowed=426, foreign=426),
        Ask("sync_status", "GET", "/api/sync/status/{device}"),
        Ask("sync_changes", "GET", "/api/sync/changes"),
        Ask("device_put", "PUT", "/api/devices/{device}", body={"platform": "android"}),
        Ask("device_delete", "DELETE", "/api/devices/{device}", allowed=204, foreign=204),
        Ask("entity", "GET", entity, foreign=404),
        Ask("entity_as_of", "GET", f"{entity}?as_of=1000000&provenance=true", foreign=404),
        Ask("entity_history", "GET", f"{entity}/history", foreign=404),
        Ask("events", "GET", "/api/events"),
        Ask("conflicts", "GET", "/api/conflicts"),
        Ask("conflict", "GET", conflict, foreign=404),
        Ask("jobs", "GET", "/api/jobs"),
        Ask("job_run", "GET", f"/api/jobs/{world.run_id}", foreign=404),
        Ask("job_start", "POST", "/api/jobs/no_such_job", allowed=404, foreign=404, body={}),
        Ask("job_cancel", "POST", f"/api/jobs/{world.run_id}/cancel", allowed=202, foreign=404),
        Ask("job_retry", "POST", f"/api/jobs/{world.run_id}/retry", allowed=202, foreign=404),
        Ask("evidence_upload", "POST", f"{photo}/upload", foreign=404),
        Ask("evidence_upload_state", "GET", f"{photo}/upload", foreign=404),
        Ask("evidence_upload_complete", "POST", f"{photo}/upload/complete", allowed=409, foreign=404),
        Ask("evidence_upload_give_up", "DELETE", f"{photo}/upload", allowed=204, foreign=404),
        Ask("evidence_download", "GET", f"{photo}/download", allowed=404, foreign=404),
        Ask("evidence_thumbnail", "GET", f"{photo}/thumbnail", allowed=404, foreign=404),
        Ask("report_order", "POST", "/api/reports", allowed=404, foreign=404, body=NO_REPORT),
        Ask("reports", "GET", "/api/reports"),
        Ask("report", "GET", f"/api/reports/{ABSENT}", allowed=404, foreign=404),
        Ask("report_download", "GET", f"/api/reports/{ABSENT}/download", allowed=404, foreign=404),
        Ask("report_proof", "GET", f"/api/reports/{ABSENT}/proofs/1", allowed=404, foreign=404),
        Ask("conflict_resolution", "POST", f"{conflict}/resolution", foreign=404, body=resolution),
        Ask("audit", "GET", "/api/audit"),
    ]


class World(msgspec.Struct, frozen=True):
    """What stands in the log of these tests: one atividade of Cuiabá with an open conflict."""

    conflict_id: str
    device: str
    run_id: str
    """Of the run that follows from the conflict."""


@pytest.fixture(scope="module")
async def world(server: httpx.AsyncClient, tokens: Tokens) -> World:
    """An atividade of Cuiabá that two devices changed."""
    first = await _sync(server, tokens, "walk-1", operation("create-walk", entity_id="walk"))
    assert first["successes"][0]["status"] == "applied"
    edit = {"operation": "update", "entity_id": "walk", "data": {"status": "CONCLUIDA"}, "base_version": 0}
    parked = operation("park-walk", **edit, conflict_resolution_strategy="manual")
    second = await _sync(server, tokens, "walk-2", parked)
    said = {"atividade_id": "walk", "hash_sha256": "ab" * 32, "tamanho_bytes": 9, "content_type": "image/jpeg"}
    photo = operation("create-walk-photo", entity_type="evidencia", entity_id="walk-photo", data=said)
    assert (await _sync(server, tokens, "walk-1", photo))["successes"]
    listed = await server.get("/api/jobs?job=notify_sync_conflict&limit=1", headers=tokens.bearer(Role.GESTOR))
    return World(second["conflicts"][0]["conflict_id"], "walk-1", listed.json()["items"][0]["run_id"])


async def _sync(
    server: httpx.AsyncClient, tokens: Tokens, device: str, *operations: Any, municipio: str = CUIABA
) -> Any:
    headers = {**tokens.bearer(Role.CAMPO, municipio, user=f"user-of-{municipio}"), "x-device-id": device}
    answer = await server.post("/api/sync", json={"operations": operations}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _ask(server: httpx.AsyncClient, ask: Ask, headers: dict[str, str], device: str) -> httpx.Response:
    body: dict[str, Any] = {} if ask.body is None else {"json": ask.body}
    named = {**headers, "x-device-id": device}
    if ask.lines is not None:
        body, named["content-type"] = {"content": ask.lines}, "application/x-ndjson"
    return await server.request(ask.method, ask.path.format(device=device), headers=named, **body)


def test_the_walk_leaves_no_endpoint_out() -> None:
    walked = {ask.name for ask in _asks(World("", "", ""))}
    guarded = {name for name, least in LEAST_ROLE.items() if least is not None}
    assert walked == guarded
    assert {endpoint.name for endpoint in ENDPOINTS} - walked == LEAST_ROLE.keys() - guarded


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("municipio", [VARZEA_GRANDE, CUIABA])
async def test_every_endpoint_answers_each_role_in_its_own_municipio_and_in_another(
    server: httpx.AsyncClient, tokens: Tokens, world: World, role: Role, municipio: str
) -> None:
    user = f"{role.value}-{municipio}"
    headers, device = tokens.bearer(role, municipio, user=user), f"device-of-{user}"
    for ask in _asks(world):
        least = LEAST_ROLE[ask.name]
        assert least is not None
        answer = await _ask(server, ask, headers, device)
        if not list(Role).index(role) >= list(Role).index(least):
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden_role"), ask.name
        elif municipio != CUIABA:
            assert answer.status_code == ask.foreign, (ask.name, answer.text)
            if ask.name != "audit":  # which tells what its own people asked for
                assert "walk" not in answer.text.replace(device, ""), ask.name
        elif ask.name == "conflict_resolution" and answer.status_code == 409:
            assert answer.json()["code"] == "conflict_already_resolved"
        else:
            assert answer.status_code == ask.allowed, (ask.name, answer.text)


async def test_every_guarded_endpoint_refuses_no_token_an_expired_and_a_forged_one(
    server: httpx.AsyncClient, tokens: Tokens, world: World, tmp_path: Path
) -> None:
    keep_signing_key(tmp_path / "forger.pem")
    forged = mint_local_token(tmp_path / "forger.pem", user="ana", role=Role.ADMIN, municipios=["*"])
    expired = tokens.mint(Role.ADMIN, "*", lifetime=dt.timedelta(seconds=-5))
    for ask in _asks(world):
        for token, code in ((None, "token_required"), (expired, "token_expired"), (forged, "invalid_token")):
            headers = {} if token is None else {"authorization": f"Bearer {token}"}
            answer = await _ask(server, ask, headers, world.device)
            assert (answer.status_code, answer.json()["code"]) == (401, code), ask.name
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_open_endpoints_need_no_token(server: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/health/ready", "/metrics", "/schema", "/schema/openapi.json"):
        assert (await server.get(path)).status_code == 200, path


async def test_a_create_in_a_foreign_municipio_is_an_error_of_that_operation_alone(
    server: httpx.AsyncClient, tokens: Tokens
) -> None:
    foreign = operation("f-1", entity_id="foreign", data={"tipo": "LIRAA", "municipio_cod_ibge": VARZEA_GRANDE})
    answer = await _sync(server, tokens, "walk-1", foreign, operation("f-2", entity_id="own"))
    assert [each["code"] for each in answer["errors"]] == ["forbidden_municipio"]
    assert [each["idempotency_key"] for each in answer["successes"]] == ["f-2"]


async def test_an_entity_of_a_foreign_municipio_is_not_found_by_an_update(
    server: httpx.AsyncClient, tokens: Tokens, world: World
) -> None:
    edit = operation("g-1", operation="update", entity_id="walk", data={"status": "CANCELADA"})
    answer = await _sync(server, tokens, "walk-vg", edit, municipio=VARZEA_GRANDE)
    assert [each["code"] for each in answer["errors"]] == ["entity_not_found"]


async def test_another_users_token_on_a_device_is_refused_even_for_a_sync(
    server: httpx.AsyncClient, tokens: Tokens, world: World
) -> None:
    headers = {**tokens.bearer(user="somebody-else"), "x-device-id": world.device}
    answer = await server.post("/api/sync", json={"operations": [operation("h-1")]}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "device_taken")
    answer = await server.get(f"/api/sync/status/{world.device}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "device_taken")


async def test_one_id_in_two_municipios_asks_which(server: httpx.AsyncClient, tokens: Tokens) -> None:
    for municipio in (CUIABA, VARZEA_GRANDE):
        data = {"tipo": "LIRAA", "municipio_cod_ibge": municipio}
        await _sync(
            server,
            tokens,
            f"twin-{municipio}",
            operation(f"t-{municipio}", entity_id="twin", data=data),
            municipio=municipio,
        )
    both = tokens.bearer(Role.VIGILANCIA, CUIABA, VARZEA_GRANDE)
    answer = await server.get("/api/entities/atividade/twin", headers=both)
    assert (answer.status_code, answer.json()["code"]) == (400, "municipio_required")
    assert sorted(answer.json()["municipios"]) == [CUIABA, VARZEA_GRANDE]
    for municipio in (CUIABA, VARZEA_GRANDE):
        path = f"/api/entities/atividade/twin?municipio_cod_ibge={municipio}"
        assert (await server.get(path, headers=both)).json()["municipio_cod_ibge"] == municipio


async def test_a_cursor_of_another_territory_or_list_is_refused(
    server: httpx.AsyncClient, tokens: Tokens, world: World
) -> None:
    cursor = (await server.get("/api/sync/changes", headers=tokens.bearer())).json()["next_cursor"]
    for path, headers in (
        ("/api/sync/changes", tokens.bearer(Role.CAMPO, VARZEA_GRANDE)),
        ("/api/events", tokens.bearer(Role.ADMIN)),
        ("/api/conflicts", tokens.bearer(Role.ADMIN)),
        ("/api/sync/changes?entity_type=evidencia", tokens.bearer()),
    ):
        joined = f"{path}{'&' if '?' in path else '?'}cursor={cursor}"
        answer = await server.get(joined, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor"), path
    for nonsense in ("", "x", "%C3%A7", "AAAA", cursor[:-1]):
        answer = await server.get(f"/api/sync/changes?cursor={nonsense}", headers=tokens.bearer())
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor"), nonsense
