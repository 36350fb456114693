"""Streams: WebSocket devices that one server holds, each sending an operation a minute and hearing of its município."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from techdengue.domain.municipios import MUNICIPIOS

from . import workload
from .measure import Named, Options, Row, Target, percentile, tell
from .memory import resident_mib
from .stage import Stage
from .websocket import Socket, open_all

_PERIOD = 60.0
_MOST_KIB = 40.0
_CREDIT = 1_000
_OPERATIONS = workload.operations("streams", 0)


class _Message(msgspec.Struct):
    type: str
    seq: int = 0
    successes: list[msgspec.Raw] = msgspec.field(default_factory=list)
    items: list[msgspec.Raw] = msgspec.field(default_factory=list)


_decode = msgspec.json.Decoder(_Message).decode


class _Devices:
    """What so many devices sent and heard."""

    def __init__(self, count: int) -> None:
        codes = list(MUNICIPIOS)
        self.municipios = [codes[number % len(codes)] for number in range(count)]
        self.sent_at = [0.0] * count
        self.welcomed = 0
        self.latencies: list[float] = []
        self.seen = 0
        self.unexpected: list[bytes] = []

    def listener(self, number: int) -> Callable[[Socket, bytes], None]:
        """What the n-th device does with a frame."""

        def heard(socket: Socket, payload: bytes) -> None:
            message = _decode(payload)
            if message.type == "results" and message.successes:
                self.latencies.append(time.perf_counter() - self.sent_at[number])
            elif message.type == "changes":
                self.seen += len(message.items)
                if message.items:
                    socket.send({"type": "credit", "items": len(message.items)})
            elif message.type == "welcome":
                self.welcomed += 1
            elif message.type == "heartbeat":
                socket.send({"type": "heartbeat"})
            else:
                self.unexpected.append(payload[:300])

        return heard

    def operation(self, number: int) -> dict[str, Any]:
        """A create in the device's município."""
        pattern = _OPERATIONS[number % len(_OPERATIONS)]
        return {
            **pattern,
            "entity_id": workload.entity_id("streams", number, 0),
            "idempotency_key": f"s-{number}",
            "data": {**pattern["data"], "municipio_cod_ibge": self.municipios[number]},
        }


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    database = await stage.database()
    async with stage.serving(database) as server:
        before = resident_mib(server.pid)
        devices = _Devices(options.devices)
        tokens = [server.token(code, user=f"agent-{n}") for n, code in enumerate(devices.municipios)]
        started = time.perf_counter()
        sockets = await open_all(server.url, tokens, devices.listener, _hello)
        await _until(lambda: devices.welcomed == len(sockets), 60)
        tell(f"streams: {len(sockets):,} devices welcomed in {time.perf_counter() - started:.0f} s")
        idle = resident_mib(server.pid)
        await _speak(devices, sockets)
        await _until(lambda: len(devices.latencies) == len(sockets), 60)
        after = resident_mib(server.pid)
        lost = [socket.lost for socket in sockets if socket.lost is not None]
        for socket in sockets:
            socket.close()
    await stage.drop(database)
    if lost or devices.unexpected:
        raise RuntimeError(f"{len(lost)} devices were lost {lost[:3]}, heard {devices.unexpected[:3]}")
    return _rows(options.devices, (idle - before) * 1024, (after - before) * 1024, devices)


def _hello(number: int) -> dict[str, Any]:
    return {"type": "hello", "device_id": f"device-{number}", "cursor": None, "credit": _CREDIT}


def _rows(count: int, idle: float, after: float, devices: _Devices) -> list[Row]:
    name = "streams"
    most = Target(limit=_MOST_KIB, at_most=True, of="median")
    p50, p99 = (percentile(devices.latencies, share) * 1e3 for share in (0.5, 0.99))
    return [
        Row(measure=name, contestant=f"{count:,} devices, idle", unit="KiB each", values=(idle / count,)),
        Row(
            measure=name,
            contestant=f"{count:,} devices, an operation a minute each",
            unit="KiB each",
            values=(after / count,),
            target=most,
            note=f"{devices.seen} changes were heard",
        ),
        Row(measure=name, contestant="sent to acknowledged, p50", unit="ms", values=(p50,)),
        Row(measure=name, contestant="sent to acknowledged, p99", unit="ms", values=(p99,)),
    ]


async def _speak(devices: _Devices, sockets: Sequence[Socket]) -> None:
    """Every device sends its operation of the minute, one after the other."""
    started = time.perf_counter()
    for number, socket in enumerate(sockets):
        ahead = started + number * _PERIOD / len(sockets) - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
        devices.sent_at[number] = time.perf_counter()
        socket.send({"type": "operations", "seq": 1, "operations": [devices.operation(number)]})


async def _until(holds: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - it happens in callbacks, often
            await asyncio.sleep(0.05)


STREAMS = Named("streams", lambda options: 30 + options.devices / 150 + _PERIOD, _measure)
