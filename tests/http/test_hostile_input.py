"""Input that is made to hurt: it is refused for what it is, quickly, in little memory, and never with a 5xx."""

import base64
import gzip
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import jwt
import msgspec
import pytest
import zstandard
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from projections.cursor import Scope, decode_cursor, encode_cursor
from projections.errors import CursorFromElsewhere
from techdengue.domain.access import Role
from techdengue.http.batch import implausible
from techdengue.http.body import Caps, read_body
from techdengue.http.problems import Problem

from .conftest import Tokens, operation
from .fakes import FakeIntake

CAPS = Caps(unpacked_bytes=5 * 1024 * 1024, inflation=100)
FAR_AWAY = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")


def test_a_long_name_over_many_members_does_not_multiply() -> None:
    sent = {"n" * 100_000: [0] * 50_000}  # 5 GB, were every member's place spelled out
    tracemalloc.start()
    assert implausible(sent) is None
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_the_place_of_what_json_cannot_say_is_a_pointer() -> None:
    assert implausible({"a/b": [0, {"~": float("nan")}]}) == ("The number is not finite", "/a~1b/1/~0")


@pytest.mark.parametrize(
    ("coding", "nothing"),
    [("gzip", gzip.compress(b"", mtime=0)), ("zstd", zstandard.compress(b""))],
    ids=["gzip", "zstd"],
)
async def test_a_body_of_endless_empty_parts_ends(coding: str, nothing: bytes) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield nothing * 1000

    with pytest.raises(Problem) as refused:
        await read_body(endless(), coding, None, CAPS)
    assert (refused.value.code, taken) == ("body_too_large", 1)


async def test_a_packed_body_that_never_unpacks_to_anything_ends_too() -> None:
    skippable = b"\x50\x2a\x4d\x18" + (1 << 30).to_bytes(4, "little")

    async def endless() -> AsyncIterator[bytes]:
        yield skippable
        while True:
            yield bytes(65536)

    with pytest.raises(Problem) as refused:
        await read_body(endless(), "zstd", None, CAPS)
    assert refused.value.code == "body_too_large"


async def test_a_batch_id_with_a_nul_is_422(api: httpx.AsyncClient, intake: FakeIntake) -> None:
    for body in ({"batch_id": "a\x00b", "operations": [operation()]}, {"batch_id": "a\x00b", "operations": [{}]}):
        answer = await api.post("/api/sync", json=body)
        assert (answer.status_code, answer.json()["path"]) == (422, "/batch_id")
    assert not intake.batches


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "utf-8-sig"])
async def test_json_is_utf_8(api: httpx.AsyncClient, encoding: str) -> None:
    answer = await api.post("/api/sync", content='{"operations": []}'.encode(encoding))
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


@pytest.mark.parametrize(
    "territory", [5103403.0, True, [True], {"*": 1}, [["*"]], ["5103403\n"], "5103403,5108402", ["٥103403"], 1.5]
)
async def test_a_territory_that_is_no_list_of_codes_is_401(
    api: httpx.AsyncClient, tokens: Tokens, territory: Any
) -> None:
    answer = await api.get("/api/sync/changes", headers=_signed(tokens, municipios=territory))
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("territory", ["5103403", ["5103403"], 5103403, [5103403], "*", None])
async def test_a_territory_may_be_one_code_a_list_or_missing(
    api: httpx.AsyncClient, tokens: Tokens, territory: Any
) -> None:
    assert (await api.get("/api/sync/changes", headers=_signed(tokens, municipios=territory))).status_code == 200


async def test_a_token_may_outlive_every_clock(api: httpx.AsyncClient, tokens: Tokens) -> None:
    assert (await api.get("/api/sync/changes", headers=_signed(tokens, exp=10**400))).status_code == 200


@pytest.mark.parametrize("moment", FAR_AWAY)
@pytest.mark.parametrize("where", ["/api/events?since=", "/api/events?until=", "/api/entities/atividade/1?as_of="])
async def test_a_time_that_utc_does_not_have_is_400(
    api: httpx.AsyncClient, tokens: Tokens, where: str, moment: str
) -> None:
    answer = await api.get(where + moment.replace("+", "%2B"), headers=tokens.bearer(Role.VIGILANCIA))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


LISTS = ["/api/sync/changes", "/api/events", "/api/entities/atividade/{id}/history", "/api/conflicts"]
PARTS = [-1, 2**63, 2**64 - 1, 2**62, "a\x00b", *FAR_AWAY, "2024-01-01", "2024-01-01T00:00:00", "x" * 5000, True, None]


@pytest.mark.parametrize("listed", LISTS)
async def test_a_cursor_with_any_parts_is_answered_or_refused(
    server: httpx.AsyncClient, tokens: Tokens, listed: str
) -> None:
    listed, headers = await _filled(server, tokens, listed)
    scope, _ = msgspec.msgpack.decode(await _raw_cursor(server, headers, listed))
    for place in [
        *([part] for part in PARTS),
        *([1, part, other] for part in PARTS for other in ("a\x00b", "atividade/1")),
        *([part, "6f1c8a52-6f0e-5d5e-9b0b-7c1c7f0f3a51"] for part in PARTS),
    ]:
        cursor = _text(msgspec.msgpack.encode([scope, place]))
        answer = await server.get(listed, params={"cursor": cursor}, headers=headers)
        assert answer.status_code in {200, 400}, (place, answer.text)


@pytest.mark.parametrize("listed", LISTS)
async def test_a_cursor_with_any_bit_turned_is_answered_or_refused(
    server: httpx.AsyncClient, tokens: Tokens, listed: str
) -> None:
    listed, headers = await _filled(server, tokens, listed)
    raw = await _raw_cursor(server, headers, listed)
    for bit in range(len(raw) * 8):
        turned = bytearray(raw)
        turned[bit // 8] ^= 1 << (bit % 8)
        answer = await server.get(listed, params={"cursor": _text(bytes(turned))}, headers=headers)
        assert answer.status_code in {200, 400}, (bit, answer.text)


def test_a_cursor_names_only_what_the_log_could_hold() -> None:
    scope = Scope("events", "log", frozenset({"5103403"}))
    assert decode_cursor(scope, encode_cursor(scope, 7, "a"), (int, str)) == (7, "a")
    for place in ((-1,), (2**63,), ("a\x00b",)):
        with pytest.raises(CursorFromElsewhere):
            decode_cursor(scope, encode_cursor(scope, *place), (int,), (str,))


async def test_what_is_made_to_hurt_is_refused_at_once(api: httpx.AsyncClient) -> None:
    makers: list[Callable[[], bytes]] = [
        lambda: b"[" * 5_000_000,
        lambda: b'{"operations":' + b'{"a":' * 800_000,
        lambda: b'{"operations":[' + b'"\\ud800",' * 500_000 + b"1]}",
        lambda: b'{"operations":[{"entity_id":' + b"9" * 5_000_000 + b"}]}",
    ]
    for make in makers:
        body = make()
        started = time.perf_counter()
        answer = await api.post("/api/sync", content=body)
        assert answer.status_code < 500
        assert time.perf_counter() - started < 5


async def _filled(server: httpx.AsyncClient, tokens: Tokens, listed: str) -> tuple[str, dict[str, str]]:
    """The list's address, on an entity of its own, with two things to page through; and who may read it."""
    entity = listed.replace("/", "-") + _text(str(time.time_ns()).encode())
    created = operation("create", entity_id=entity, data={"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"})
    parked = [
        operation(f"park-{n}", entity_id=entity, conflict_resolution_strategy="manual", data=created["data"])
        for n in range(2)
    ]
    sent = await server.post(
        "/api/sync",
        json={"operations": [created, *parked]},
        headers={**tokens.bearer(user="vera"), "x-device-id": f"device-{entity[-20:]}"},
    )
    assert (sent.status_code, len(sent.json()["conflicts"])) == (200, 2), sent.text
    return listed.replace("{id}", entity), tokens.bearer(Role.VIGILANCIA, user="vera")


async def _raw_cursor(server: httpx.AsyncClient, headers: dict[str, str], listed: str) -> bytes:
    cursor = (await server.get(listed, params={"limit": 1}, headers=headers)).json()["next_cursor"]
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(tokens: Tokens, **claims: Any) -> dict[str, str]:
    """A token of the local key with these claims, however odd."""
    header, payload, _ = tokens.mint().split(".")
    whole = {**jwt.decode(tokens.mint(), options={"verify_signature": False}), **claims}
    payload = _text(json.dumps(whole).encode())
    key: Any = load_pem_private_key(tokens.key_file.read_bytes(), None)
    signature = _text(key.sign(f"{header}.{payload}".encode()))
    return {"authorization": f"Bearer {header}.{payload}.{signature}"}
