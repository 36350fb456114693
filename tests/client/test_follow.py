"""A device that stays connected: operations leave as they are recorded, changes come as they are made."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable

import pytest

from techdengue.client import Carrier, Device, Forbidden, Observer
from techdengue.client.wire import ChangesPage, SyncAnswer

from .conftest import MakeDevice
from .fake_server import FakeServer, cut

VISIT = {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"}
CARRIERS = list(Carrier)
STREAMS = [Carrier.STREAM, Carrier.WS]


class Watch(Observer):
    """Wakes a test when something has happened."""

    def __init__(self) -> None:
        self.failures = 0
        self._happened = asyncio.Event()

    def answered(self, answer: SyncAnswer, waited: object) -> None:
        self._happened.set()

    def changed(self, page: ChangesPage) -> None:
        self._happened.set()

    def failed(self, error: Exception) -> None:
        self.failures += 1
        self._happened.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not true():
                self._happened.clear()
                await self._happened.wait()


@contextlib.asynccontextmanager
async def following(device: Device, *, limit: int = 500) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.ensure_future(device.follow(limit=limit))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait((task,))


def own_keys(server: FakeServer) -> list[str]:
    """What devices of the test recorded, in order."""
    return [entry["idempotency_key"] for entry in server.log if entry["device"] != "another"]


def beats(server: FakeServer) -> int:
    return [said["type"] for said in server.streams.heard].count("heartbeat")


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_operations_leave_as_they_are_recorded_and_changes_come_as_they_are_made(
    make_device: MakeDevice, server: FakeServer, watch: Watch, carrier: Carrier
) -> None:
    server.change(7, VISIT)
    device = make_device(carrier=carrier, observer=watch)
    earlier = device.create("atividade", 1, VISIT)
    async with following(device):
        await watch.until(lambda: device.pending_count() == 0)
        later = device.create("atividade", 2, VISIT)
        await watch.until(lambda: device.pending_count() == 0)
        server.change(8, VISIT)
        server.change(7, None)
        await watch.until(lambda: device.get("atividade", 8) is not None and device.get("atividade", 7) is None)
        server.change(1, {"status": "CANCELADA"})
        await watch.until(lambda: device.list("atividade")[0].data.get("status") == "CANCELADA")
    assert own_keys(server) == [earlier, later]
    assert device.list("atividade")[1].version == server.documents["atividade", "2"]["version"]


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_cut_is_mended_and_nothing_is_missed(
    make_device: MakeDevice, server: FakeServer, watch: Watch, carrier: Carrier
) -> None:
    device = make_device(carrier=carrier, observer=watch, batch_size=3)
    server.change(50, VISIT)
    await device.pull()
    keys = [device.create("atividade", number, VISIT) for number in range(1, 21)]
    if carrier is not Carrier.HTTP:
        server.faults = [cut(after=9, answered=3)] * 2
    async with following(device):
        await watch.until(lambda: device.pending_count() == 0)
        server.change(51, VISIT)
        await watch.until(lambda: device.get("atividade", 51) is not None)
    assert own_keys(server) == keys
    assert {str(document.entity_id) for document in device.list("atividade")} == {name for _, name in server.documents}


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_cursor_of_another_log_begins_a_new_download(
    make_device: MakeDevice, server: FakeServer, watch: Watch, carrier: Carrier
) -> None:
    for number in range(1, 5):
        server.change(number, VISIT)
    device = make_device(carrier=carrier, observer=watch)
    await device.pull()
    server.log.clear()
    server.outcomes.clear()
    server.documents.clear()
    server.change(9, VISIT)
    async with following(device):
        device.create("atividade", 10, VISIT)
        await watch.until(lambda: device.pending_count() == 0)
        server.change(11, VISIT)
        await watch.until(lambda: device.get("atividade", 11) is not None)
    assert [document.entity_id for document in device.list("atividade")] == [10, 11, 9]


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_an_operation_that_was_released_leaves_at_once(
    make_device: MakeDevice, server: FakeServer, watch: Watch, carrier: Carrier
) -> None:
    device = make_device(carrier=carrier, observer=watch)
    key = device.create("atividade", 1, VISIT)
    server.refuse = {key: ("invalid_data", "tipo is unknown")}
    async with following(device):
        await watch.until(lambda: len(device.refusals()) == 1)
        server.refuse = {}
        device.retry(key)
        await watch.until(lambda: server.keys() == [key])


async def test_what_waiting_cannot_mend_ends_it(make_device: MakeDevice, server: FakeServer) -> None:
    device = make_device(carrier=Carrier.WS)
    key = device.create("atividade", 1, VISIT)
    server.streams.closes = [(4403, "device_taken")]
    with pytest.raises(Forbidden):
        await device.follow()
    assert [operation.key for operation in device.pending()] == [key]


async def test_credit_is_given_back_as_changes_are_stored(
    make_device: MakeDevice, server: FakeServer, watch: Watch
) -> None:
    device = make_device(carrier=Carrier.WS, observer=watch)
    server.change(1, VISIT)
    await device.pull()
    async with following(device, limit=10):
        for number in range(2, 62):
            server.change(number, VISIT)
        await watch.until(lambda: device.get("atividade", 61) is not None)
    hello, *later = server.streams.heard
    assert (hello["type"], hello["credit"]) == ("hello", 10)
    granted = sum(said["items"] for said in later if said["type"] == "credit")
    assert 50 <= granted <= 60


async def test_heartbeats_are_answered_and_the_token_is_renewed_before_it_ends(
    make_device: MakeDevice, server: FakeServer
) -> None:
    numbers = itertools.count(1)
    device = make_device(carrier=Carrier.WS, token=lambda: f"token-{next(numbers)}")
    server.change(1, VISIT)
    server.streams.heartbeat = 0.5  # after three without a word the server counts as gone, and a machine may be slow
    server.streams.token_expires_at = "2026-01-01T00:00:00.200000Z"
    async with following(device), asyncio.timeout(30):
        while beats(server) < 2 or "token-3" not in server.tokens:
            await server.streams.heard_something()
    assert server.streams.connections == 1


async def test_a_server_that_falls_silent_is_left(make_device: MakeDevice, server: FakeServer, watch: Watch) -> None:
    device = make_device(carrier=Carrier.WS, observer=watch)
    server.change(1, VISIT)
    server.streams.heartbeat = 0.02
    server.streams.mute = True
    async with following(device):
        await watch.until(lambda: watch.failures >= 2)
    assert server.streams.connections >= 2
