"""`POST /api/sync/stream` over fakes: what each line becomes, and how a stream ends."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from .conftest import operation

NDJSON = {"content-type": "application/x-ndjson"}


def lines(*values: Any) -> bytes:
    return b"".join((value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n" for value in values)


async def send(api: httpx.AsyncClient, body: bytes | AsyncIterator[bytes], **headers: str) -> list[dict[str, Any]]:
    answer = await api.post("/api/sync/stream", content=body, headers=NDJSON | headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_each_operation_is_answered_in_the_order_sent(api: httpx.AsyncClient) -> None:
    poison = b'{"entity_type": 1}', b"{", b"[" * 100_000, b"1e999", b'"\\ud800"', b"\xff"
    told = await send(api, lines(operation("a"), *poison, b"", operation("b")))
    assert [each["kind"] for each in told] == ["success", *["error"] * len(poison), "success", "end"]
    assert [each["index"] for each in told[:-1]] == list(range(len(poison) + 2))
    assert told[-1]["processed"] == len(poison) + 2


async def test_a_last_line_needs_no_newline(api: httpx.AsyncClient) -> None:
    assert [each["kind"] for each in await send(api, lines(operation())[:-1])] == ["success", "end"]


async def test_an_empty_stream_is_complete(api: httpx.AsyncClient) -> None:
    assert [each["kind"] for each in await send(api, b"\n\n")] == ["end"]
