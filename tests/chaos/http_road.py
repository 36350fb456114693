"""The network between devices and servers: it loses, doubles, delays and reorders requests, and resets connections.

One request a connection; a stream or a WebSocket is passed on as it comes, and cut somewhere. What a device never hears
is noted all the same: `unheard` gets every answer that was dropped.
"""

import asyncio
import contextlib
import itertools
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from techdengue.dev.ports import LOOPBACK

from .listening import listening

Fate = Literal[
    "request lost", "request reset in its body", "answer lost", "answer reset in its middle", "request doubled",
    "copy delivered late", "request delivered late", "stream or WebSocket cut",
]  # fmt: skip
FATES: Final[tuple[Fate, ...]] = (
    "request lost", "request reset in its body", "answer lost", "answer reset in its middle", "request doubled",
    "copy delivered late", "request delivered late",
)  # fmt: skip
_LONGEST_HEAD: Final = 64 * 1024
_SECONDS: Final = 30.0
_LONG: Final = frozenset({"/api/sync/stream", "/api/sync/ws"})
_CHUNK: Final = 16 * 1024


class Request(msgspec.Struct, frozen=True):
    """One HTTP request as it came, asking for the connection's end after the answer."""

    head: bytes
    body: bytes

    @property
    def path(self) -> str:
        """The path, without the query."""
        return self.head.split(b" ", 2)[1].decode().partition("?")[0]

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name."""
        return _headers(self.head)


class _Held(msgspec.Struct, frozen=True):
    due: int
    request: Request


Unheard = Callable[[Request, bytes], None]
"""Told of a request and of the raw answer that no device heard."""


class HttpRoad:
    """Listens on a port of its own while it is open, and spreads requests over `servers`, which gives addresses."""

    def __init__(self, servers: Callable[[], Sequence[str]], seed: int, unheard: Unheard) -> None:
        self.url = ""
        self.calm = False
        """With True everything is delivered once, and at once."""
        self.rate = 0.0
        """How likely something befalls a request."""
        self.fates: Counter[Fate] = Counter()
        self._servers = servers
        self._rng = random.Random(seed)  # noqa: S311 - repeatable bad luck, not a secret
        self._unheard = unheard
        self._turns = itertools.count()
        self._passed = 0
        self._held: list[_Held] = []
        self._late: asyncio.TaskGroup

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Carry requests until the block ends."""
        async with asyncio.TaskGroup() as self._late, listening(self._serve, limit=_LONGEST_HEAD) as port:
            self.url = f"http://{LOOPBACK}:{port}"
            yield

    async def clear(self) -> None:
        """Deliver whatever is still under way."""
        held, self._held = self._held, []
        for each in held:
            await self._deliver_unheard(each.request)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                head = Request(await reader.readuntil(b"\r\n\r\n"), b"")
                if head.path not in _LONG:
                    self._pass_one()
                    writer.write(await self._meet_fate(await _read_body(head, reader)))
                    await writer.drain()
                    writer.close()
            if head.path in _LONG:
                await self._pass_on(head, reader, writer)
        except (OSError, EOFError, TimeoutError, _Reset) as end:
            if isinstance(end, _Reset):
                writer.write(end.begun)
                await _flush(writer)
            _reset(writer)
        finally:
            writer.close()

    async def _pass_on(self, head: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways as they come, until one end leaves or the connection is cut."""
        cut_after = None if self.calm or self._rng.random() >= 3 * self.rate else self._rng.randint(1, 40)
        async with self._connected() as (answers, upstream):
            upstream.write(head.head)
            ways = [
                asyncio.create_task(_carry(reader, upstream)),
                asyncio.create_task(_carry(answers, writer, cut_after)),
            ]
            done, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in left:
                way.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            was_cut = any(way.result() for way in done if way.exception() is None)
        if was_cut:
            self.fates["stream or WebSocket cut"] += 1
            raise _Reset

    async def _meet_fate(self, request: Request) -> bytes:
        """The answer that the device hears. Raises _Reset where it hears none, or a part of one."""
        fate = self._draw()
        match fate:
            case "request lost":
                raise _Reset
            case "request reset in its body":
                await self._send_half(request)
                raise _Reset
            case "request delivered late":
                self._hold(request)
                raise _Reset
            case "copy delivered late":
                self._hold(request)
            case "request doubled":
                self._late.create_task(self._deliver_unheard(request))
        answer = await self._deliver(request)
        if fate in {"answer lost", "answer reset in its middle"}:
            self._unheard(request, answer)
            raise _Reset(answer[: len(answer) // 2] if fate == "answer reset in its middle" else b"")
        return answer

    def _draw(self) -> Fate | None:
        if self.calm or self._rng.random() >= self.rate:
            return None
        fate = self._rng.choice(FATES)
        self.fates[fate] += 1
        return fate

    def _hold(self, request: Request) -> None:
        self._held.append(_Held(self._passed + self._rng.randint(1, 40), request))

    def _pass_one(self) -> None:
        """Count a request, and let go of what waited for it."""
        self._passed += 1
        due = [each for each in self._held if each.due <= self._passed]
        for each in due:
            self._held.remove(each)
            self._late.create_task(self._deliver_unheard(each.request))

    async def _deliver_unheard(self, request: Request) -> None:
        with contextlib.suppress(OSError, EOFError, TimeoutError):  # as lost as its answer
            self._unheard(request, await self._deliver(request))

    async def _deliver(self, request: Request) -> bytes:
        async with asyncio.timeout(_SECONDS), self._connected() as (reader, writer):
            writer.write(request.head + request.body)
            await writer.drain()
            answer = await reader.read(-1)
        if not answer:
            raise EOFError
        return answer

    async def _send_half(self, request: Request) -> None:
        async with self._connected() as (_, writer):
            writer.write(request.head + request.body[: len(request.body) // 2])
            await writer.drain()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        servers = self._servers()
        address = urlsplit(servers[next(self._turns) % len(servers)])
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            yield reader, writer
        finally:
            _reset(writer)


class _Reset(Exception):
    """The device sees a reset, after as much of an answer as `begun`."""

    def __init__(self, begun: bytes = b"") -> None:
        super().__init__()
        self.begun = begun


def length_of(head: bytes) -> int:
    """How long the body after this head is to be."""
    return int(_headers(head).get("content-length", "0"))


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def _read_body(request: Request, reader: asyncio.StreamReader) -> Request:
    body = await reader.readexactly(length_of(request.head))
    return Request(request.head[:-2] + b"Connection: close\r\n\r\n", body)


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, most: int | None = None) -> bool:
    """Carry `most` chunks, or all; answers whether it stopped before the end."""
    carried = 0
    while most is None or carried < most:
        if not (chunk := await source.read(_CHUNK)):
            return False
        target.write(chunk)
        await target.drain()
        carried += 1
    return True


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other end sees a reset."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):  # it is gone already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _flush(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await writer.drain()
