"""A refusal says in the words of the wire what to correct."""

from typing import Any

import httpx
import pytest

from techdengue.domain.access import Role

from .conftest import Tokens, operation

JSON = {"content-type": "application/json"}
CONFLICT = "/api/conflicts/5f0c2c1e-7a0b-5d56-9f4e-3a1b8c9d0e21/resolution"
STRATEGIES = "client_wins, server_wins, last_write_wins, merge or manual"
OUTCOMES = "applied, client_applied, merged, server_kept, no_change, conflict or resolved"
OPERATION_FIELDS = (
    "entity_type, entity_id, operation, client_timestamp, idempotency_key, data, conflict_resolution_strategy, "
    "base_version, municipio_cod_ibge"
)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (
            operation(conflict_resolution_stratgy="manual"),
            f"an operation has no field 'conflict_resolution_stratgy'; its fields are {OPERATION_FIELDS}",
        ),
        (
            {**operation(), "x` - at `$.y": 1},
            f"an operation has no field 'x` - at `$.y'; its fields are {OPERATION_FIELDS}",
        ),
        (operation(operation="UPDATE"), "operation must be create, update or delete; this is 'UPDATE'"),
        (
            operation(conflict_resolution_strategy="lww"),
            f"conflict_resolution_strategy must be {STRATEGIES}; this is 'lww'",
        ),
        (
            {name: value for name, value in operation().items() if name != "client_timestamp"},
            "client_timestamp is required",
        ),
        (operation(entity_id=2**63), f"entity_id must be a 64-bit integer or text; this is {2**63}"),
        (operation(base_version="seven"), "base_version must be a 64-bit integer; this is 'seven'"),
        (7, "an operation must be an object; this is 7"),
    ],
)
async def test_a_malformed_operation_is_told_what_an_operation_is(
    api: httpx.AsyncClient, sent: Any, message: str
) -> None:
    answer = await api.post("/api/sync", json={"operations": [sent]})
    [error] = answer.json()["errors"]
    assert error["message"] == message


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        (
            "/api/conflicts?entity_type=atividade",
            "there is no parameter 'entity_type'; there are status, type, id, device, municipio, cursor, limit",
        ),
        ("/api/conflicts?status=closed", "status must be any, open or resolved; this is 'closed'"),
        ("/api/conflicts?limit=0", "limit must be from 1 to 1000; this is 0"),
        ("/api/conflicts?limit=many", "limit must be from 1 to 1000; this is 'many'"),
        ("/api/sync/changes?wait=61", "wait must be from 0 to 60; this is 61"),
        ("/api/sync/changes?wait=soon", "wait must be from 0 to 60; this is 'soon'"),
        ("/api/events?outcome=done", f"outcome must be {OUTCOMES}; this is 'done'"),
        (
            "/api/events?since=now",
            "since must be a time with its offset (RFC 3339; a + in a query is %2B); this is 'now'",
        ),
        ("/api/events?municipio=Cuiaba", "municipio must be a 7-digit IBGE code; this is 'Cuiaba'"),
        ("/api/events?type=ativ", "there is no entity type 'ativ'; there are atividade and evidencia"),
        ("/api/events?municipio=5107602", "your token does not name município 5107602"),
    ],
)
async def test_a_bad_parameter_is_told_what_there_is(
    api: httpx.AsyncClient, tokens: Tokens, query: str, detail: str
) -> None:
    answer = await api.get(query, headers=tokens.bearer(Role.VIGILANCIA))
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


async def test_a_token_of_every_municipio_may_filter_by_any(api: httpx.AsyncClient, tokens: Tokens) -> None:
    headers = tokens.bearer(Role.VIGILANCIA, "*")
    assert (await api.get("/api/events?municipio=5107602", headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/api/entities/ativ/1", "/api/entities/ativ/1/history"])
async def test_an_unknown_entity_type_is_404_that_names_those_there_are(
    api: httpx.AsyncClient, tokens: Tokens, path: str
) -> None:
    answer = await api.get(path, headers=tokens.bearer(Role.VIGILANCIA))
    assert answer.status_code == 404
    assert answer.json()["detail"] == "there is no entity type 'ativ'; there are atividade and evidencia"


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        (
            {"choice": "cliente", "idempotency_key": "k"},
            "choice must be client, server, merge or custom; this is 'cliente'",
        ),
        (
            {"choice": "client", "idempotency_key": "k", "data": {}},
            "client takes no data; leave it out, or choose custom",
        ),
        ({"choice": "custom", "idempotency_key": "k"}, "custom needs data, an object with the fields that it sets"),
        (
            {"choice": "client", "idempotency_key": "k", "notes": ""},
            "a resolution has no field 'notes'; its fields are choice, idempotency_key, data, note",
        ),
    ],
)
async def test_a_bad_resolution_is_told_what_one_is(
    api: httpx.AsyncClient, tokens: Tokens, sent: Any, detail: str
) -> None:
    answer = await api.post(CONFLICT, json=sent, headers=tokens.bearer(Role.GESTOR))
    assert (answer.status_code, answer.json()["detail"]) == (422, detail)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "The body is empty"),
        (b'{"operations": [}', "The body is not JSON: Expecting value (byte 16)"),
        (b'{"\xc3\xa7": }', "The body is not JSON: Expecting value (byte 7)"),
        (b"{}\xff", "The body is not UTF-8 (byte 2)"),
        (b"[" * 100_000, "The body is nested too deeply"),
    ],
)
async def test_a_malformed_body_is_told_where(api: httpx.AsyncClient, tokens: Tokens, body: bytes, detail: str) -> None:
    for path in ("/api/sync", CONFLICT):
        answer = await api.post(path, content=body, headers={**JSON, **tokens.bearer(Role.GESTOR)})
        assert (answer.status_code, answer.json()["detail"]) == (400, detail)


async def test_an_envelope_and_a_registration_ignore_what_they_do_not_know(api: httpx.AsyncClient) -> None:
    assert (await api.post("/api/sync", json={"operations": [], "newer": 1})).status_code == 200
    assert (await api.put("/api/devices/d", json={"platform": "android", "newer": 1})).status_code == 200


async def test_what_has_no_place_is_not_told_to_look_at_path(api: httpx.AsyncClient) -> None:
    problem = (await api.post("/api/sync", json=[])).json()
    assert (problem["path"], problem["detail"]) == ("", "the body must be an object; this is an array")
    assert problem["next"] == "Correct the body as `detail` says."


async def test_a_form_is_415_and_named(api: httpx.AsyncClient) -> None:
    answer = await api.post("/api/sync", data={"operations": "[]"})
    assert answer.status_code == 415
    assert answer.json()["detail"].startswith("application/x-www-form-urlencoded is not application/json")


async def test_a_browser_at_the_root_is_led_to_the_page_and_nobody_else(api: httpx.AsyncClient) -> None:
    browser = await api.get("/", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (browser.status_code, browser.headers["location"]) == (307, "/schema")
    for accept in ("*/*", "application/json", "image/png", ""):
        assert (await api.get("/", headers={"accept": accept})).json()["code"] == "route_not_found"
    assert (await api.get("/nowhere", headers={"accept": "text/html"})).status_code == 404
