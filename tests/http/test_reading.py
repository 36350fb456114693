"""The calls of people: parameters are read strictly, answers come in the form that was asked for."""

import datetime as dt
import gzip

import httpx
import msgspec
import pytest
import zstandard

from techdengue.domain.access import Role
from techdengue.http.media import choose
from techdengue.http.problems import Problem

from .conftest import Tokens, operation
from .fakes import FakeReaders


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/api/sync/changes?limit=0", "/limit"),
        ("/api/sync/changes?limit=1001", "/limit"),
        ("/api/sync/changes?limit=many", "/limit"),
        ("/api/sync/changes?limit=1&limit=2", "/limit"),
        ("/api/sync/changes?entity_type=a%00b", "/entity_type"),
        ("/api/sync/changes?limitt=1", "/limitt"),
        ("/api/sync/changes?entity_type=ativ", "/entity_type"),
        ("/api/events?type=ativ", "/type"),
        ("/api/conflicts?type=ativ", "/type"),
        ("/api/events?municipio=5107602", "/municipio"),
        ("/api/conflicts?municipio=5107602", "/municipio"),
        ("/api/sync/changes?cursor=%FF", ""),
        ("/api/events?since=2024-01-15T00:00:00", "/since"),
        ("/api/events?outcome=unheard", "/outcome"),
        ("/api/events?id=1", "/type"),
        ("/api/events?municipio=51034", "/municipio"),
        ("/api/conflicts?status=closed", "/status"),
        ("/api/entities/atividade/1?as_of=yesterday", "/as_of"),
        ("/api/entities/atividade/1?as_of=99999999999999999999", "/as_of"),
        ("/api/entities/atividade/1?provenance=perhaps", "/provenance"),
    ],
)
async def test_a_parameter_that_cannot_be_read_is_400_and_named(
    api: httpx.AsyncClient, tokens: Tokens, path: str, parameter: str
) -> None:
    answer = await api.get(path, headers=tokens.bearer(Role.VIGILANCIA))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert answer.json()["path"] == parameter


async def test_as_of_is_a_position_or_a_time(api: httpx.AsyncClient, tokens: Tokens, readers: FakeReaders) -> None:
    headers = tokens.bearer(Role.VIGILANCIA)
    await api.get("/api/entities/atividade/1?as_of=1234", headers=headers)
    assert readers.cut is not None
    assert readers.cut.position == 1234
    await api.get("/api/entities/atividade/1?as_of=2024-01-15T14:30:00-04:00", headers=headers)
    assert readers.cut.time == dt.datetime(2024, 1, 15, 18, 30, tzinfo=dt.UTC)


async def test_time_travel_and_provenance_are_not_for_campo(api: httpx.AsyncClient) -> None:
    assert (await api.get("/api/entities/atividade/1")).status_code == 200
    assert (await api.get("/api/entities/atividade/1?as_of=1")).status_code == 403
    assert (await api.get("/api/entities/atividade/1?provenance=true")).status_code == 403


@pytest.mark.parametrize("entity_id", ["a b", "a/b", "%2F", "ç", "1?x=2", "..", "a%"])
async def test_an_id_of_any_characters_is_found(api: httpx.AsyncClient, readers: FakeReaders, entity_id: str) -> None:
    from urllib.parse import quote

    path = "%2E%2E" if entity_id == ".." else quote(entity_id, safe="")
    url = httpx.URL(f"http://test/api/entities/atividade/{path}?municipio_cod_ibge=5103403")
    assert (await api.get(url)).status_code == 200
    assert readers.entity_asked == ("atividade", entity_id, "5103403")


@pytest.mark.parametrize("path", ["Atividade/1", "atividade%2F1/2", "a-b/1", f"atividade/{'x' * 65}"])
async def test_an_entity_of_no_possible_name_is_404(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(f"/api/entities/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "entity_not_found")


async def test_what_is_not_there_is_404(api: httpx.AsyncClient, tokens: Tokens, readers: FakeReaders) -> None:
    readers.found = False
    headers = tokens.bearer(Role.ADMIN)
    for path in (
        "/api/entities/atividade/1",
        "/api/entities/atividade/1?as_of=1",
        "/api/entities/atividade/1/history",
        "/api/conflicts/5f0c2c1e-7a0b-5d56-9f4e-3a1b8c9d0e21",
        "/api/conflicts/no-uuid",
        "/api/sync/status/device-1",
    ):
        assert (await api.get(path, headers=headers)).status_code == 404


async def test_events_come_as_ndjson_with_the_cursor_in_the_headers(api: httpx.AsyncClient, tokens: Tokens) -> None:
    headers = {**tokens.bearer(Role.VIGILANCIA), "accept": "application/x-ndjson"}
    answer = await api.get("/api/events?type=atividade&limit=1", headers=headers)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [msgspec.json.decode(line)["position"] for line in answer.text.splitlines()] == [1234]
    assert answer.headers["x-has-more"] == "true"
    following = answer.headers["link"].partition("<")[2].partition(">")[0]
    assert "type=atividade" in following
    assert (await api.get(following, headers=headers)).status_code == 200


async def test_a_device_belongs_to_its_user_and_to_admins(
    api: httpx.AsyncClient, tokens: Tokens, readers: FakeReaders
) -> None:
    readers.owner = "maria"
    for method, path in (("GET", "/api/sync/status/d"), ("PUT", "/api/devices/d"), ("DELETE", "/api/devices/d")):
        body = {"json": {"platform": "android"}} if method == "PUT" else {}
        stranger = await api.request(method, path, headers=tokens.bearer(Role.GESTOR, user="ana"), **body)  # type: ignore[arg-type]  # httpx takes json
        assert (stranger.status_code, stranger.json()["code"]) == (403, "device_taken")
        for role, user in ((Role.CAMPO, "maria"), (Role.ADMIN, "root")):
            own = await api.request(method, path, headers=tokens.bearer(role, user=user), **body)  # type: ignore[arg-type]  # httpx takes json
            assert own.status_code == (204 if method == "DELETE" else 200)
    assert readers.registered_to == "maria"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"platform": 7}, "/platform"),
        ({"model": "x" * 5000}, "/model"),
        ({"model": "a\x00b"}, "/model"),
        ({"push": {"kind": "topic", "value": "x"}}, "/push/kind"),
        ({"push": {"kind": "fid"}}, "/push/value"),
        ({"push": {"kind": "fid", "value": ""}}, "/push/value"),
        ({"push": {"kind": "token", "value": "a b"}}, "/push/value"),
        ({"push": {"kind": "token", "value": "abc\n"}}, "/push/value"),
        ({"push": {"kind": "token", "value": "x" * 4097}}, "/push/value"),
        ({"push": "token"}, "/push"),
        ({"fcm_token": ""}, "/fcm_token"),
        ({"fcm_token": "x", "push": None}, "/fcm_token"),
        ([], ""),
    ],
)
async def test_a_registration_that_cannot_be_is_422(api: httpx.AsyncClient, body: object, path: str) -> None:
    answer = await api.put("/api/devices/device-1", json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (422, "invalid_body", path)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/choice"),
        ({"choice": "client", "idempotency_key": "k", "notes": "x"}, "/notes"),
        ({"choice": "dice", "idempotency_key": "k"}, "/choice"),
        ({"choice": "client", "idempotency_key": ""}, "/idempotency_key"),
        ({"choice": "client", "idempotency_key": "k" * 256}, "/idempotency_key"),
        ({"choice": "client", "idempotency_key": "k", "note": "\x00"}, "/note"),
        ({"choice": "custom", "idempotency_key": "k"}, "/data"),
        ({"choice": "server", "idempotency_key": "k", "data": {}}, "/data"),
    ],
)
async def test_a_resolution_of_the_wrong_shape_is_422(
    api: httpx.AsyncClient, tokens: Tokens, body: object, path: str
) -> None:
    answer = await api.post(
        "/api/conflicts/5f0c2c1e-7a0b-5d56-9f4e-3a1b8c9d0e21/resolution",
        json=body,
        headers=tokens.bearer(Role.GESTOR),
    )
    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (422, "invalid_body", path)


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        ("gzip", "gzip"),
        ("gzip, zstd", "zstd"),
        ("zstd;q=0.5, gzip", "gzip"),
        ("*", "zstd"),
        ("gzip;q=0", None),
        ("br", None),
        ("identity", None),
    ],
)
async def test_a_large_answer_is_packed_as_the_client_likes(
    api: httpx.AsyncClient, accept_encoding: str, expected: str | None
) -> None:
    body = {"operations": [operation(f"key-{number}") for number in range(50)]}
    async with api.stream("POST", "/api/sync", json=body, headers={"accept-encoding": accept_encoding}) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == expected
    assert int(answer.headers["content-length"]) == len(raw)
    match expected:
        case "gzip":
            raw = gzip.decompress(raw)
        case "zstd":
            raw = zstandard.decompress(raw)
    assert msgspec.json.decode(raw)["processed"] == 50


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("application/x-msgpack", "application/msgpack"),
        ("application/json;q=0.1, application/msgpack", "application/msgpack"),
        ("application/json;q=0, */*", "application/msgpack"),
        ("application/*", "application/json"),
    ],
)
def test_the_accept_header_decides_the_form(accept: str, expected: str) -> None:
    assert choose(accept) == expected


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "application/json;q=x", ";;,,="])
def test_a_form_that_there_is_not_is_refused(accept: str) -> None:
    with pytest.raises(Problem):
        choose(accept)
