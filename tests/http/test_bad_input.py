"""Bad input gets a clear answer and harms none of its neighbours."""

import gzip
import json
from typing import Any

import httpx
import msgspec
import pytest
import zstandard

from techdengue.domain.access import Role

from .conftest import Tokens, operation
from .fakes import FakeIntake

JSON = {"content-type": "application/json"}
MIB = 1024 * 1024


async def _send(api: httpx.AsyncClient, body: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.post("/api/sync", content=body, headers={**JSON, **named})


def _batch(*operations: Any, **more: Any) -> bytes:
    return json.dumps({"operations": operations, **more}).encode()


def _assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert {"type", "title", "detail", "instance", "next"} <= problem.keys()
    return problem


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b"\xff\xfe", b'{"operations": [}', b"[" * 100_000, b'{"operations":' + b"[" * 100_000],
)
async def test_a_body_that_is_no_json_is_400(api: httpx.AsyncClient, body: bytes) -> None:
    _assert_problem(await _send(api, body), 400, "malformed_body")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"[]", ""),
        (b"null", ""),
        (b'"text"', ""),
        (b"{}", "/operations"),
        (b'{"operations": {}}', "/operations"),
        (b'{"operations": null}', "/operations"),
        (b'{"operations": [], "batch_id": 7}', "/batch_id"),
        (b'{"operations": [], "sent_at": "2024-01-15T14:30:00"}', "/sent_at"),
        (b'{"operations": [], "sent_at": "yesterday"}', "/sent_at"),
        (b'{"operations": [], "device_id": ["a"]}', "/device_id"),
    ],
)
async def test_a_body_that_is_no_batch_is_422_and_names_the_field(
    api: httpx.AsyncClient, body: bytes, path: str
) -> None:
    assert _assert_problem(await _send(api, body), 422, "invalid_body")["path"] == path


BAD_OPERATIONS: list[tuple[bytes, str]] = [
    (b"7", ""),
    (b"null", ""),
    (b"{}", "/entity_type"),
    (json.dumps(operation(conflict_resolution_stratgy="manual")).encode(), "/conflict_resolution_stratgy"),
    (json.dumps({**operation(), "a/b": 1}).encode(), "/a~1b"),
    (json.dumps(operation(entity_id=[1])).encode(), "/entity_id"),
    (json.dumps(operation(operation="upsert")).encode(), "/operation"),
    (json.dumps(operation(conflict_resolution_strategy="dice")).encode(), "/conflict_resolution_strategy"),
    (json.dumps(operation(idempotency_key=None)).encode(), "/idempotency_key"),
    (json.dumps(operation(base_version="seven")).encode(), "/base_version"),
    (json.dumps(operation(data=[1])).encode(), "/data"),
    (json.dumps(operation(data={"n": float("nan")})).encode(), "/data/n"),
    (json.dumps(operation(data={"n": float("inf")})).encode(), "/data/n"),
    (json.dumps(operation(data={"n": {"m": ["\ud800"]}})).encode(), "/data/n/m/0"),
    (json.dumps(operation(data={"a/b": "\udc00"})).encode(), "/data/a~1b"),
    (json.dumps(operation(entity_id=2**70)).encode(), "/entity_id"),
    (json.dumps(operation(base_version=2**70)).encode(), "/base_version"),
    (b'{"entity_type": "atividade", "data": {"n": 1' + b"0" * 5000 + b"}}", "/data/n"),
    (b'{"entity_type": "atividade", "data": {"n": 1e999}}', "/data/n"),
]


@pytest.mark.parametrize(("bad", "path"), BAD_OPERATIONS)
async def test_one_malformed_operation_is_an_error_of_its_own(
    api: httpx.AsyncClient, intake: FakeIntake, bad: bytes, path: str
) -> None:
    first, last = (json.dumps(operation(key)).encode() for key in ("first", "last"))
    answer = await _send(api, b'{"operations": [' + b",".join([first, bad, last]) + b"]}")
    assert answer.status_code == 200
    assert [each["idempotency_key"] for each in answer.json()["successes"]] == ["first", "last"]
    [error] = answer.json()["errors"]
    assert (error["index"], error["code"], error["path"]) == (1, "invalid_data", path)


async def test_a_malformed_operation_is_answered_with_the_names_it_came_with(api: httpx.AsyncClient) -> None:
    answer = await _send(api, _batch(operation("mine", entity_id="a-7", base_version="x")))
    [error] = answer.json()["errors"]
    assert error["entity_type"] == "atividade"
    assert (error["entity_id"], error["operation"], error["idempotency_key"]) == ("a-7", "create", "mine")


async def test_an_empty_batch_is_answered_with_nothing_processed(api: httpx.AsyncClient) -> None:
    answer = await _send(api, _batch())
    assert (answer.status_code, answer.json()["processed"]) == (200, 0)


async def test_1000_operations_are_taken_and_1001_are_413(api: httpx.AsyncClient) -> None:
    many = [operation(f"k{number}") for number in range(1001)]
    assert (await _send(api, _batch(*many[:1000]))).json()["processed"] == 1000
    _assert_problem(await _send(api, _batch(*many)), 413, "too_many_operations")
    _assert_problem(await _send(api, _batch(*many[:1000], 7)), 413, "too_many_operations")


async def test_more_than_5_mib_are_413(api: httpx.AsyncClient) -> None:
    _assert_problem(await _send(api, b" " * (6 * MIB)), 413, "body_too_large")


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_bomb_is_413(api: httpx.AsyncClient, coding: str) -> None:
    bomb = b" " * (64 * MIB)
    packed = gzip.compress(bomb, 9) if coding == "gzip" else zstandard.compress(bomb)
    _assert_problem(await _send(api, packed, content_encoding=coding), 413, "body_too_large")


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_body_that_inflates_too_much_is_413_below_the_size_cap_too(api: httpx.AsyncClient, coding: str) -> None:
    body = b" " * (4 * MIB)
    packed = gzip.compress(body, 9) if coding == "gzip" else zstandard.compress(body)
    _assert_problem(await _send(api, packed, content_encoding=coding), 413, "body_too_large")


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_packed_batch_is_taken_also_in_several_members(
    api: httpx.AsyncClient, intake: FakeIntake, coding: str
) -> None:
    pack = gzip.compress if coding == "gzip" else zstandard.compress
    raw = _batch(operation())
    answer = await _send(api, pack(raw[:20]) + pack(raw[20:]), content_encoding=coding)
    assert answer.status_code == 200
    assert intake.batches[0].size == len(raw)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("cut", [0, 5, -4])
async def test_a_packed_body_that_is_cut_or_garbled_is_400(api: httpx.AsyncClient, coding: str, cut: int) -> None:
    raw = _batch(operation())
    packed = (gzip.compress if coding == "gzip" else zstandard.compress)(raw)[:cut]
    _assert_problem(await _send(api, packed, content_encoding=coding), 400, "malformed_body")
    _assert_problem(await _send(api, b"plain text", content_encoding=coding), 400, "malformed_body")


async def test_other_encodings_and_media_types_are_415(api: httpx.AsyncClient) -> None:
    _assert_problem(await _send(api, b"x", content_encoding="br"), 415, "unsupported_encoding")
    answer = await api.post("/api/sync", content=b"x", headers={"content-type": "text/plain"})
    _assert_problem(answer, 415, "unsupported_media_type")


async def test_an_answer_in_no_known_form_is_406_and_nothing_is_recorded(
    api: httpx.AsyncClient, intake: FakeIntake
) -> None:
    _assert_problem(await _send(api, _batch(operation()), accept="image/png"), 406, "not_acceptable")
    assert intake.batches == []


@pytest.mark.parametrize(
    ("header", "body", "status", "code"),
    [
        ("device-1", {"device_id": "device-2"}, 400, "device_mismatch"),
        ("", {}, 400, "device_required"),
        ("", {"device_id": ""}, 400, "invalid_device_id"),
        ("", {"device_id": "console:ana"}, 400, "invalid_device_id"),
        ("", {"device_id": "server:ana"}, 400, "invalid_device_id"),
        ("", {"device_id": "a\u0000b"}, 400, "invalid_device_id"),
        ("", {"device_id": "d" * 129}, 400, "invalid_device_id"),
    ],
)
async def test_a_request_names_exactly_one_proper_device(
    api: httpx.AsyncClient, header: str, body: dict[str, str], status: int, code: str
) -> None:
    answer = await _send(api, _batch(operation(), **body), x_device_id=header)
    _assert_problem(answer, status, code)


async def test_the_device_may_stand_in_the_body_alone_or_in_both(api: httpx.AsyncClient, intake: FakeIntake) -> None:
    await _send(api, _batch(operation(), device_id="aparelho-ç"), x_device_id="")
    await _send(api, _batch(operation(), device_id="device-1"))
    assert [batch.device_id for batch in intake.batches] == ["aparelho-ç", "device-1"]


async def test_sent_at_is_read_with_its_offset_up_to_the_year_9999(api: httpx.AsyncClient, intake: FakeIntake) -> None:
    await _send(api, _batch(sent_at="1970-01-01T01:00:00.000001+01:00"))
    await _send(api, _batch(sent_at="9999-12-31T23:59:59-23:59"))
    assert intake.batches[0].sent_at == 1
    assert (intake.batches[1].sent_at or 0) > 253402300799_000000


async def test_messagepack_is_taken_and_answered(api: httpx.AsyncClient, intake: FakeIntake) -> None:
    kind = "application/msgpack"
    body = msgspec.msgpack.encode({"operations": [operation()]})
    answer = await api.post("/api/sync", content=body, headers={"content-type": kind, "accept": kind})
    assert answer.headers["content-type"] == kind
    assert msgspec.msgpack.decode(answer.content)["successes"][0]["idempotency_key"] == "k-1"
    assert intake.batches[0].operations[0].data == operation()["data"]  # type: ignore[union-attr]  # none malformed


@pytest.mark.parametrize("value", [b"bytes", float("nan"), 2**63 + 2**63 - 1, {1: 2}, msgspec.msgpack.Ext(5, b"x")])
async def test_messagepack_that_json_cannot_say_is_refused_operation_by_operation(
    api: httpx.AsyncClient, value: Any
) -> None:
    body = msgspec.msgpack.encode({"operations": [operation("a", data={"v": value}), operation("b")]})
    answer = await api.post("/api/sync", content=body, headers={"content-type": "application/msgpack"})
    assert answer.status_code == 200
    assert [each["idempotency_key"] for each in answer.json()["successes"]][-1] == "b"


async def test_messagepack_that_is_none_is_400(api: httpx.AsyncClient) -> None:
    for body in (b"", b"\xc1", b"\x91" * 100_000):
        answer = await api.post("/api/sync", content=body, headers={"content-type": "application/msgpack"})
        _assert_problem(answer, 400, "malformed_body")


@pytest.mark.parametrize(
    "path",
    [
        "/api/entities/atividade/1?municipio_cod_ibge=5103403%0a",
        "/api/events?municipio=5103403%0a",
        "/api/conflicts?municipio=5103403%0a",
        "/api/jobs?municipio=5103403%0a",
        "/api/reports?municipio=5103403%0a",
        "/api/audit?municipio=5103403%0a",
        "/api/evidencias/7/upload?municipio_cod_ibge=5103403%0a",
    ],
)
async def test_a_municipio_with_a_line_break_behind_it_is_none(
    api: httpx.AsyncClient, tokens: Tokens, path: str
) -> None:
    answer = await api.get(path, headers=tokens.bearer(Role.ADMIN, "*"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert "a 7-digit IBGE code" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sha256", "0" * 64 + "\n"),
        ("report_id", "0192f3a1-c0de-7abc-8def-0123456789ab\n"),
        ("root", "0" * 64 + "\n"),
    ],
)
async def test_a_hash_or_an_id_with_a_line_break_behind_it_is_none(
    api: httpx.AsyncClient, name: str, value: str
) -> None:
    answer = await api.post("/api/reports/verify", json={name: value})
    assert (answer.status_code, answer.json()["path"]) == (422, f"/{name}")
