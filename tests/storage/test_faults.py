"""A store that is away, slow or overloaded: it is asked again, and then said to be away."""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import pytest

from techdengue import telemetry
from techdengue.dev.seaweedfs import S3Address
from techdengue.storage import Storage, StorageAway, open_storage
from techdengue.storage.calling import S3_RETRY

from .conftest import address_at
from .faulty import Fault, FaultyWire, faulty_wire

TIMEOUT = 0.5


@pytest.fixture
async def wire(s3: S3Address) -> AsyncIterator[FaultyWire]:
    async with faulty_wire(s3) as opened:
        yield opened


@pytest.fixture
async def behind(wire: FaultyWire) -> AsyncIterator[Storage]:
    async with open_storage(address_at(wire.address), attempt_seconds=TIMEOUT) as opened:
        yield opened


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.HANG, Fault.RESET])
async def test_a_store_that_comes_back_meanwhile_answers(wire: FaultyWire, behind: Storage, fault: Fault) -> None:
    wire.fault, wire.heals_after = fault, S3_RETRY.attempts - 1
    key = f"tests/{fault.name}"
    await behind.put(key, b"kept", content_type="text/plain")
    assert wire.met == S3_RETRY.attempts - 1
    assert await behind.get(key) == b"kept"


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.HANG, Fault.RESET])
async def test_a_store_that_stays_away_is_said_to_be(wire: FaultyWire, behind: Storage, fault: Fault) -> None:
    wire.fault = fault
    began = time.monotonic()
    with pytest.raises(StorageAway) as away:
        await behind.head("tests/anything")
    assert away.value.retry_after > 0
    # aiohttp asks once more by itself where a connection was closed on it
    assert S3_RETRY.attempts <= wire.met <= 2 * S3_RETRY.attempts
    waits = sum(S3_RETRY.bound(failed) for failed in range(1, S3_RETRY.attempts))
    assert time.monotonic() - began < S3_RETRY.attempts * TIMEOUT + waits + 10.0


async def test_an_object_that_is_cut_off_is_read_again(wire: FaultyWire, behind: Storage) -> None:
    body = os.urandom(300_000)
    await behind.put("tests/cut", body, content_type="text/plain")
    wire.fault, wire.heals_after = Fault.RESET, 1
    assert await behind.get("tests/cut") == body
    assert wire.met == 1


async def test_every_attempt_is_counted_by_what_became_of_it(wire: FaultyWire, behind: Storage) -> None:
    def counted(outcome: str) -> float:
        return float(telemetry.S3_REQUESTS.labels("head_object", outcome)._value.get())

    before = {outcome: counted(outcome) for outcome in ("ok", "missing", "unavailable")}
    await behind.head("tests/counted-missing")
    wire.fault, wire.heals_after = Fault.UNAVAILABLE, wire.met + 2
    await behind.head("tests/counted-missing")
    assert {outcome: counted(outcome) - before[outcome] for outcome in before} == {
        "ok": 0.0, "missing": 2.0, "unavailable": 2.0
    }  # fmt: skip


async def test_a_call_that_is_given_up_leaves_the_store_usable(wire: FaultyWire, behind: Storage) -> None:
    wire.fault = Fault.HANG
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await behind.head("tests/anything")
    wire.fault = Fault.NONE
    assert await behind.head("tests/anything-else") is None
