"""A fake server on a free port, and devices whose clock and sleep the test holds."""

import datetime as dt
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from techdengue.client import Carrier, Device, HttpTransport, Observer, Surroundings, TokenSource

from .fake_server import FakeServer

TOKEN = "token"
MakeDevice = Callable[..., Device]


def shown(device: Device, atividade: int, municipio: str | None = None) -> dict[str, Any]:
    """The data of an atividade that the device's user sees."""
    document = device.get("atividade", atividade, municipio=municipio)
    assert document is not None
    return document.data


class HandClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 1, 10, 8, 0, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.time

    def move(self, seconds: float) -> None:
        self.time += dt.timedelta(seconds=seconds)


class Waits:
    """Instead of sleeping: notes how long, and moves the clock."""

    def __init__(self, clock: HandClock) -> None:
        self.seconds: list[float] = []
        self._clock = clock

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self._clock.move(seconds)


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    fake = FakeServer()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def waits(clock: HandClock) -> Waits:
    return Waits(clock)


@pytest.fixture
async def make_device(server: FakeServer, clock: HandClock, waits: Waits, tmp_path: Path) -> AsyncIterator[MakeDevice]:
    """Answers a function that opens a device; the same name opens the same file again."""
    opened: list[Device] = []
    transport = HttpTransport()

    def make(
        name: str = "android-1",
        token: TokenSource = TOKEN,
        batch_size: int = 100,
        carrier: Carrier = Carrier.HTTP,
        observer: Observer | None = None,
    ) -> Device:
        rng = random.Random(7)  # noqa: S311  jitter, not a secret
        around = Surroundings(clock=clock, rng=rng, sleep=waits, transport=transport, observer=observer or Observer())
        device = Device(
            tmp_path / f"{name}.sqlite",
            server.url,
            name,
            token,
            carrier=carrier,
            batch_size=batch_size,
            durable=False,
            surroundings=around,
        )
        opened.append(device)
        return device

    yield make
    for device in opened:
        await device.close()
    await transport.close()


@pytest.fixture
def device(make_device: MakeDevice) -> Device:
    return make_device()
