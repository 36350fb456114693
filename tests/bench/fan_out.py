"""Fan-out: from a change's acknowledgement until another device's stream tells of it, at 1,000 operations a second."""

import asyncio
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from . import workload
from .load import Load, Talk, check_answer
from .measure import Named, Options, Row, Target, percentile, tell
from .stage import Stage
from .websocket import Socket, open_all

_RATE = 1_000
_SENDERS = 10
_WATCHERS = 5
_SECONDS = 10.0
_ROUNDS = 3
_P50_MS, _P99_MS = 50.0, 250.0
_CREDIT = 10_000


class _Item(msgspec.Struct):
    entity_id: str


class _Message(msgspec.Struct):
    type: str
    items: list[_Item] = msgspec.field(default_factory=list)


_decode = msgspec.json.Decoder(_Message).decode


class _Watch:
    """When each change was acknowledged, and when each watcher saw it."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, float] = {}
        self.seen: list[tuple[str, float]] = []
        self.before = 0
        """How many were seen that were there before."""
        self.welcomed = 0

    def listener(self, _number: int) -> Callable[[Socket, bytes], None]:
        """What a watcher does with a frame."""

        def heard(socket: Socket, payload: bytes) -> None:
            message = _decode(payload)
            if message.type == "changes":
                now = time.perf_counter()
                self.seen += [(item.entity_id, now) for item in message.items]
                if message.items:
                    socket.send({"type": "credit", "items": len(message.items)})
            elif message.type == "welcome":
                self.welcomed += 1
            elif message.type == "heartbeat":
                socket.send({"type": "heartbeat"})

        return heard

    def delays(self) -> list[float]:
        """Seconds from acknowledged to seen; 0 where it was seen first."""
        return [max(0.0, at - self.acknowledged[name]) for name, at in self.seen if name in self.acknowledged]


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    del options  # it is the same in every run
    rounds: list[list[float]] = []
    database = await stage.database()
    async with stage.serving(database) as server:
        load = Load(server.url, server.token(workload.MUNICIPIO))
        for number in range(_ROUNDS):
            tell(f"fan-out: round {number + 1} of {_ROUNDS}")
            watch = _Watch()
            tokens = [server.token(workload.MUNICIPIO, user=f"watcher-{number}")] * _WATCHERS
            sockets = await open_all(server.url, tokens, watch.listener, functools.partial(_hello, number))
            await _settled(watch)
            talks = [await load.connect() for _ in range(_SENDERS)]
            async with asyncio.TaskGroup() as group:
                for place, talk in enumerate(talks):
                    group.create_task(_send(load, talk, f"{number}-{place}", place, watch))
            await _all_seen(watch)
            for socket in sockets:
                socket.close()
            for talk in talks:
                talk.close()
            rounds.append(watch.delays())
    await stage.drop(database)
    return [_row("p50", 0.5, _P50_MS, rounds), _row("p99", 0.99, _P99_MS, rounds)]


def _hello(round_number: int, number: int) -> dict[str, Any]:
    name = f"watcher-{round_number}-{number}"
    return {"type": "hello", "device_id": name, "cursor": None, "credit": _CREDIT}


def _row(name: str, share: float, limit: float, rounds: Sequence[Sequence[float]]) -> Row:
    return Row(
        measure="fan-out",
        contestant=f"acknowledged to seen, {name}",
        unit="ms",
        values=tuple(percentile(delays, share) * 1e3 for delays in rounds),
        target=Target(limit=limit, at_most=True, of="median"),
    )


async def _send(load: Load, talk: Talk, name: str, place: int, watch: _Watch) -> None:
    """A batch of ten every tenth of a second, for ten devices a thousand operations a second."""
    every = workload.SIZE * _SENDERS / _RATE
    started = time.perf_counter() + place * every / _SENDERS
    for batch in range(int(_SECONDS / every)):
        operations = _batch(name, batch)
        request = load.request(f"fan-{name}", msgspec.json.encode({"operations": operations}))
        ahead = started + batch * every - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
        check_answer(await talk.ask(request))
        now = time.perf_counter()
        watch.acknowledged.update((operation["entity_id"], now) for operation in operations)


def _batch(name: str, batch: int) -> list[dict[str, Any]]:
    """Ten creates that nobody sent before."""
    return [
        {
            **operation,
            "entity_id": workload.entity_id(f"fan-{name}", batch, slot),
            "idempotency_key": f"f-{name}-{batch}-{slot}",
        }
        for slot, operation in enumerate(workload.operations("fan", 0))
    ]


async def _settled(watch: _Watch) -> None:
    """Every watcher is welcome and has heard all that was before."""
    async with asyncio.timeout(60):
        seen = -1
        while watch.welcomed < _WATCHERS or seen != len(watch.seen):
            seen = len(watch.seen)
            await asyncio.sleep(1.0)
    watch.before = seen


async def _all_seen(watch: _Watch) -> None:
    """Every watcher has seen every change."""
    async with asyncio.timeout(60):
        while len(watch.seen) - watch.before < len(watch.acknowledged) * _WATCHERS:  # noqa: ASYNC110 - it happens in callbacks, often
            await asyncio.sleep(0.2)


FAN_OUT = Named("fan-out", lambda _options: 5 + _ROUNDS * (_SECONDS + 6), _measure)
