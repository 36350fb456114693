"""`POST /api/sync/stream` over fakes: what each line becomes, and how a stream ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from .conftest import operation
from .fakes import FakeIntake

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


async def test_the_devices_clock_is_as_wrong_at_the_end_of_a_stream_as_at_its_beginning(
    api: httpx.AsyncClient, intake: FakeIntake
) -> None:
    async def body() -> AsyncIterator[bytes]:
        for number in range(2):
            yield lines(operation(f"k-{number}"))
            while len(intake.batches) == number:  # noqa: ASYNC110 - a fake tells nobody what it was asked
                await asyncio.sleep(0)

    await send(api, body(), **{"x-sent-at": "2026-01-15T14:30:00Z"})
    first, second = intake.batches
    assert first.sent_at is not None
    assert second.sent_at is not None
    assert second.sent_at > first.sent_at
    assert abs((second.sent_at - first.sent_at) - (second.arrived - first.arrived) * 1_000_000) <= 2
