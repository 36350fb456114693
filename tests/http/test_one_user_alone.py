"""What one user alone may take of the server: a share of its memory, and never the others' turn."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from techdengue.domain.access import Role
from techdengue.http.budget import BodyBudget
from techdengue.http.problems import Problem

from .conftest import Tokens, operation

MIB = 1024 * 1024


async def test_bodies_that_a_user_sends_slowly_count_and_no_others_do(api: httpx.AsyncClient, tokens: Tokens) -> None:
    going, taken = asyncio.Event(), asyncio.Semaphore(0)

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"operations": [' + b" " * (5 * MIB - 100)
        taken.release()
        await going.wait()
        yield b"]}"

    waiting = [asyncio.create_task(api.post("/api/sync", content=slow())) for _ in range(4)]
    for _ in waiting:
        await taken.acquire()
    refused = await api.post("/api/sync", content=b" " * 1000)
    assert refused.status_code == 429
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("overloaded", "1")
    other = await api.post("/api/sync", json={"operations": [operation()]}, headers=tokens.bearer(Role.CAMPO, user="b"))
    assert other.status_code == 200
    going.set()
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
    assert (await api.post("/api/sync", json={"operations": []})).status_code == 200


def test_what_is_released_may_be_held_again() -> None:
    budget = BodyBudget(10)
    budget.hold("ana", 10)
    with pytest.raises(Problem):
        budget.hold("ana", 1)
    budget.release("ana", 10)
    budget.hold("ana", 10)


async def test_others_are_answered_while_a_large_batch_is_decided(server: httpx.AsyncClient, tokens: Tokens) -> None:
    metadata = {f"{n:x}": 1 for n in range(6000)}
    batch = [
        operation(f"k{n}", entity_id=f"large-{n}", data={**operation()["data"], "metadata": metadata})
        for n in range(70)
    ]
    headers = {**tokens.bearer(user="large"), "x-device-id": "device-large"}
    sending = asyncio.create_task(server.post("/api/sync", json={"operations": batch}, headers=headers, timeout=120))
    longest, answered = 0.0, 0
    while not sending.done():
        started = time.perf_counter()
        assert (await server.get("/health/live")).status_code == 200
        longest, answered = max(longest, time.perf_counter() - started), answered + 1
        await asyncio.sleep(0.01)
    assert len(sending.result().json()["successes"]) == 70
    assert answered > 10
    assert longest < 1


@pytest.mark.parametrize(
    ("path", "before", "after", "status"),
    [
        (
            "/api/conflicts/5f0c2c1e-7a0b-5d56-9f4e-3a1b8c9d0e21/resolution",
            b'{"choice":"custom","idempotency_key":"k","data":',
            b"}",
            422,
        ),
        ("/api/sync", b'{"operations":[{"data":', b"}]}", 200),
    ],
)
async def test_others_are_answered_while_a_body_of_millions_of_values_is_read(
    api: httpx.AsyncClient, tokens: Tokens, path: str, before: bytes, after: bytes, status: int
) -> None:
    body = before + b"[" + b"1," * 2_400_000 + b"1]" + after
    headers = {**tokens.bearer(Role.GESTOR), "content-type": "application/json"}
    sending = asyncio.create_task(api.post(path, content=body, headers=headers, timeout=120))
    answered = 0
    while not sending.done():
        assert (await api.get("/health/live")).status_code == 200
        answered += 1
        await asyncio.sleep(0.01)
    assert sending.result().status_code == status
    assert answered > 10
