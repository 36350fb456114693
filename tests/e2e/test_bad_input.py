"""Bad input gets a clear answer from the real server and loses nothing: its neighbours are recorded all the same."""

import gzip
import io
import itertools
import json
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest

from techdengue.domain.access import Role

from .wire import Json, Site, operation

CUIABA = "5103403"
MIB = 1024 * 1024
DEVICE = "bad-input"
NUMBERS = itertools.count(1)


def _create(data: Json | None = None, **more: Any) -> Json:
    number = next(NUMBERS)
    whole = {"tipo": "VISTORIA", "municipio_cod_ibge": CUIABA, **(data or {})}
    return {**operation("create", f"bad-{number}", f"b-{number}", whole), **more}


def _without(name: str) -> Json:
    return {key: value for key, value in _create().items() if key != name}


def _raw(operations: Sequence[Any]) -> bytes:
    return json.dumps({"operations": operations}).encode()


def _nested(depth: int) -> Any:
    return {} if depth == 1 else {"deeper": _nested(depth - 1)}


async def _post(site: Site, http: aiohttp.ClientSession, body: bytes, **headers: str) -> tuple[int, Json]:
    named = {
        "authorization": f"Bearer {site.token('user-bad-input', Role.CAMPO, (CUIABA,))}",
        "x-device-id": DEVICE,
        "content-type": "application/json",
        **headers,
    }
    async with http.post(f"{site.urls[0]}/api/sync", data=io.BytesIO(body), headers=named) as answer:
        told: Json = await answer.json(content_type=None)
        if answer.status != 200:
            assert answer.content_type == "application/problem+json"
            assert told["status"] == answer.status
            assert {"type", "title", "detail", "instance", "next"} <= told.keys()
        return answer.status, told


POINT_IN_SAO_PAULO = {"type": "Point", "coordinates": [-46.63, -23.55]}
ONE_BAD: list[tuple[str, Json, str, str | None]] = [
    ("a wrong type deep inside", _create({"localizacao": {"type": "Point", "coordinates": ["x", 1]}}),
     "invalid_data", "/data/localizacao/coordinates/0"),
    ("an unknown enum", _create({"status": "FEITA"}), "invalid_data", "/data/status"),
    ("an unknown operation", _create(operation="upsert"), "invalid_data", "/operation"),
    ("an unknown strategy", _create(conflict_resolution_strategy="dice"), "invalid_data",
     "/conflict_resolution_strategy"),
    ("a misspelt field", _create(conflict_resolution_stratgy="manual"), "invalid_data", "/conflict_resolution_stratgy"),
    ("a missing key", _without("idempotency_key"), "invalid_data", "/idempotency_key"),
    ("a missing time", _without("client_timestamp"), "invalid_data", "/client_timestamp"),
    ("a missing field", {**_create(), "data": {"municipio_cod_ibge": CUIABA}}, "invalid_data", "/data/tipo"),
    ("NaN", _create({"metadata": {"n": float("nan")}}), "invalid_data", "/data/metadata/n"),
    ("a lone surrogate", _create({"metadata": {"n": ["\ud800"]}}), "invalid_data", "/data/metadata/n/0"),
    ("a NUL in a text", _create({"descricao": "a\x00b"}), "invalid_data", "/data/descricao"),
    ("a NUL in free data", _create({"metadata": {"n": "a\x00b"}}), "invalid_data", "/data/metadata/n"),
    ("a NUL in a key", _create(idempotency_key="a\x00b"), "invalid_data", "/idempotency_key"),
    ("an integer beyond 64 bits", _create({"metadata": {"n": 2**64}}), "invalid_data", "/data/metadata/n"),
    ("an id beyond 64 bits", _create(entity_id=2**63), "invalid_data", "/entity_id"),
    ("a time without offset", _create(client_timestamp="2026-01-15T14:30:00"), "invalid_data", "/client_timestamp"),
    ("a time that is none", _create(client_timestamp="yesterday"), "invalid_data", "/client_timestamp"),
    ("an unknown município", _create({"municipio_cod_ibge": "5199999"}), "invalid_data", "/data/municipio_cod_ibge"),
    ("a município of São Paulo", _create({"municipio_cod_ibge": "3550308"}), "invalid_data",
     "/data/municipio_cod_ibge"),
    ("another's município", _create({"municipio_cod_ibge": "5108402"}), "forbidden_municipio", None),
    ("a point in another state", _create({"localizacao": POINT_IN_SAO_PAULO}), "invalid_data",
     "/data/localizacao/coordinates/0"),
    ("a 200-deep metadata", _create({"metadata": _nested(200)}), "invalid_data", "/data/metadata"),
    ("an unknown type", _create(entity_type="foco"), "unknown_entity_type", "/entity_type"),
    ("a negative base", _create(base_version=-1), "invalid_data", "/base_version"),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "code", "path"), [case[1:] for case in ONE_BAD], ids=[case[0] for case in ONE_BAD])
async def test_one_bad_operation_is_answered_by_itself(
    site: Site, http: aiohttp.ClientSession, bad: Json, code: str, path: str | None
) -> None:
    first, last = _create(), _create()
    status, told = await _post(site, http, _raw([first, bad, last]))
    assert (status, told["processed"]) == (200, 3)
    assert [each["status"] for each in told["successes"]] == ["applied", "applied"]
    [error] = told["errors"]
    assert (error["index"], error["code"], error.get("path")) == (1, code, path)
    assert error["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b"\xff\xfe", b"[" * 100_000])
async def test_malformed_json_is_400(site: Site, http: aiohttp.ClientSession, body: bytes) -> None:
    status, told = await _post(site, http, body)
    assert (status, told["code"]) == (400, "malformed_body")


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"operations": 7}', b'{"operations": [], "sent_at": "now"}'])
async def test_what_is_no_batch_is_422(site: Site, http: aiohttp.ClientSession, body: bytes) -> None:
    status, told = await _post(site, http, body)
    assert (status, told["code"]) == (422, "invalid_body")


async def test_1000_operations_are_taken_and_1001_are_413(site: Site, http: aiohttp.ClientSession) -> None:
    many = [_create() for _ in range(1001)]
    status, told = await _post(site, http, _raw(many))
    assert (status, told["code"]) == (413, "too_many_operations")
    status, told = await _post(site, http, _raw(many[:1000]))
    assert (status, len(told["successes"])) == (200, 1000)
    assert not any(each["already_processed"] for each in told["successes"])


async def test_6_mib_and_a_gzip_bomb_are_413(site: Site, http: aiohttp.ClientSession) -> None:
    status, told = await _post(site, http, b" " * (6 * MIB))
    assert (status, told["code"]) == (413, "body_too_large")
    bomb = gzip.compress(b" " * (256 * MIB), 9)
    status, told = await _post(site, http, bomb, **{"content-encoding": "gzip"})
    assert (status, told["code"]) == (413, "body_too_large")


async def test_a_refusal_arrives_while_a_large_body_is_being_sent_and_the_connection_goes_on(
    site: Site, http: aiohttp.ClientSession
) -> None:
    for _ in range(3):
        status, told = await _post(site, http, b" " * (6 * MIB), authorization="Bearer forged")
        assert (status, told["code"]) == (401, "invalid_token")
        status, told = await _post(site, http, b" " * (6 * MIB), **{"content-type": "text/plain"})
        assert (status, told["code"]) == (415, "unsupported_media_type")
        status, told = await _post(site, http, _raw([_create()]))
        assert (status, told["processed"]) == (200, 1)


async def test_an_empty_batch_is_answered_with_nothing_processed(site: Site, http: aiohttp.ClientSession) -> None:
    status, told = await _post(site, http, _raw([]))
    assert (status, told["processed"], told["successes"], told["errors"]) == (200, 0, [], [])


async def test_a_time_of_the_year_9999_becomes_now_with_a_warning(site: Site, http: aiohttp.ClientSession) -> None:
    future = _create(client_timestamp="9999-12-31T23:59:59.999999Z")
    status, told = await _post(site, http, _raw([future]))
    [success] = told["successes"]
    assert (status, success["status"], success["warnings"]) == (200, "applied", ["clock_skew"])
    path = f"/api/entities/atividade/{future['entity_id']}/history"
    [event] = await site.read_all(path, site.token("analista", Role.VIGILANCIA, (CUIABA,)))
    assert event["client_timestamp"] == "9999-12-31T23:59:59.999999Z"
    assert event["effective_time"] == event["received_at"] < "2100"


async def test_a_key_twice_in_a_batch_is_a_repeat_or_a_reuse(site: Site, http: aiohttp.ClientSession) -> None:
    one, last = _create(), _create()
    other = {**_create(), "idempotency_key": one["idempotency_key"]}
    status, told = await _post(site, http, _raw([one, one, other, last]))
    assert (status, told["processed"]) == (200, 4)
    assert [each["already_processed"] for each in told["successes"]] == [False, True, False]
    [error] = told["errors"]
    assert (error["index"], error["code"], error["path"]) == (2, "idempotency_key_reused", "/idempotency_key")


async def test_a_device_header_that_disagrees_with_the_body_is_400(site: Site, http: aiohttp.ClientSession) -> None:
    body = json.dumps({"operations": [_create()], "device_id": "another"}).encode()
    status, told = await _post(site, http, body)
    assert (status, told["code"]) == (400, "device_mismatch")


async def test_a_cursor_from_elsewhere_is_400(site: Site, http: aiohttp.ClientSession) -> None:
    await _post(site, http, _raw([_create()]))
    agent = site.token("user-bad-input", Role.CAMPO, (CUIABA,))
    cursor = (await site.get("/api/sync/changes", agent, limit=1))["next_cursor"]
    analyst = site.token("analista", Role.VIGILANCIA, (CUIABA,))
    elsewhere = site.token("user-bad-input", Role.CAMPO, ("5108402",))
    for path, token in (("/api/events", analyst), ("/api/conflicts", analyst), ("/api/sync/changes", elsewhere)):
        answer = await site.ask("GET", path, token, params={"cursor": cursor})
        assert (answer.status, answer.body["code"]) == (400, "invalid_cursor"), path
