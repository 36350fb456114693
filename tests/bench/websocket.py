"""A device's WebSocket that costs the client little: text frames out, text frames in, nothing negotiated."""

import asyncio
import base64
import os
import struct
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from .measure import tell

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_AT_ONCE = 40


class Socket(asyncio.Protocol):
    """One connection. `heard` is called with the payload of every text frame after the upgrade."""

    def __init__(self, heard: Callable[["Socket", bytes], None]) -> None:
        self._heard = heard
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: str | None = None
        self._upgraded = False

    def send(self, message: object) -> None:
        """Send a message as JSON."""
        self._send(_TEXT, msgspec.json.encode(message))

    def close(self) -> None:
        """Say goodbye and hang up."""
        if self._transport is not None and not self._transport.is_closing():
            self._send(_CLOSE, struct.pack(">H", 1000))
            self._transport.close()

    def upgrade(self, path: str, token: str) -> None:
        """Ask for the upgrade."""
        key = base64.b64encode(os.urandom(16)).decode()
        self._write(
            f"GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )

    def _send(self, kind: int, payload: bytes) -> None:
        length = len(payload)
        if length < 126:
            head = struct.pack(">BB", 0x80 | kind, 0x80 | length)
        elif length < 1 << 16:
            head = struct.pack(">BBH", 0x80 | kind, 0x80 | 126, length)
        else:
            head = struct.pack(">BBQ", 0x80 | kind, 0x80 | 127, length)
        self._write(head + bytes(4) + payload)  # a mask of zeros: the payload as it is

    def _write(self, data: bytes) -> None:
        if self._transport is None:
            raise ConnectionError("the socket is not open")
        self._transport.write(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = transport  # type: ignore[assignment]  # a TCP connection's is a Transport

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self.lost = self.lost or f"hung up: {exc}"
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(self.lost))

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._buffer += data
        if not self._upgraded and not self._read_upgrade():
            return
        while (frame := self._next_frame()) is not None:
            kind, payload = frame
            if kind == _TEXT:
                self._heard(self, payload)
            elif kind == _PING:
                self._send(_PONG, payload)
            elif kind == _CLOSE:
                self.lost = f"closed: {payload[:2].hex()} {payload[2:].decode()}"

    def _read_upgrade(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._buffer[:end])
        if not head.startswith(b"HTTP/1.1 101"):
            self.lost = head[:300].decode("latin-1")
            if not self.opened.done():
                self.opened.set_exception(ConnectionError(self.lost))
            return False
        del self._buffer[: end + 4]
        self._upgraded = True
        self.opened.set_result(None)
        return True

    def _next_frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, start = buffer[1] & 0x7F, 2
        if length == 126:
            if len(buffer) < 4:
                return None
            length, start = struct.unpack_from(">H", buffer, 2)[0], 4
        elif length == 127:
            if len(buffer) < 10:
                return None
            length, start = struct.unpack_from(">Q", buffer, 2)[0], 10
        if len(buffer) < start + length:
            return None
        kind, payload = buffer[0] & 0x0F, bytes(buffer[start : start + length])
        del buffer[: start + length]
        return kind, payload


async def open_socket(url: str, token: str, heard: Callable[[Socket, bytes], None]) -> Socket:
    """An upgraded connection. Raises ConnectionError where the server refuses it."""
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, socket = await loop.create_connection(lambda: Socket(heard), address.hostname or "", address.port or 80)
    socket.upgrade("/api/sync/ws", token)
    async with asyncio.timeout(60):
        await socket.opened
    return socket


async def open_all(
    url: str,
    tokens: Sequence[str],
    heard: Callable[[int], Callable[[Socket, bytes], None]],
    hello: Callable[[int], object],
) -> list[Socket]:
    """A connection for each token, some dozens being opened at a time.

    `heard(n)` listens to the n-th; `hello(n)` is its first message, sent at once: a server waits seconds for it.
    """
    turn = asyncio.Semaphore(_AT_ONCE)

    async def open_one(number: int, token: str) -> Socket:
        async with turn:
            socket = await open_socket(url, token, heard(number))
            socket.send(hello(number))
        if (number + 1) % 1000 == 0:
            tell(f"streams: {number + 1:,} devices connected")
        return socket

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(open_one(number, token)) for number, token in enumerate(tokens)]
    return [task.result() for task in tasks]
