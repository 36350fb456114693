"""Bytes both ways at once over aiohttp: a request whose body goes on while its answer is read, and a WebSocket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import aiohttp
import msgspec

from .errors import Unreachable

LONGEST_MESSAGE = 8 * 1024 * 1024
"""Bytes of one message of the server; a longer one is no answer of ours."""


class Closed(msgspec.Struct, frozen=True):
    """The other side has ended; `code` and `reason` are a WebSocket's."""

    code: int | None = None
    reason: str = ""


class Duplex(Protocol):
    """Messages both ways. `send` and `receive` may run at the same time, each in one task."""

    async def send(self, message: bytes) -> None:
        """Hand a message over; returns when there is room for another. Raises Unreachable."""
        ...

    async def receive(self, silence: float) -> Sequence[bytes] | Closed | None:
        """The messages that have come, one at least; None after so many seconds without one. Raises Unreachable."""
        ...

    async def end(self) -> None:
        """Send nothing more; what the server still says can be received."""
        ...

    async def close(self) -> None:
        """Let go of the connection, whatever is under way."""
        ...


class Body:
    """A request's body that is written while the request is under way: at most one message waits."""

    def __init__(self, first: bytes) -> None:
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=1)
        self._waiting.put_nowait(first)

    async def put(self, message: bytes | None) -> None:
        """Add a message; None is the end."""
        await self._waiting.put(message)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self._waiting.get()) is not None:
            if message:
                yield message


class LineDuplex:
    """The lines of an answer, while the request's body is written."""

    def __init__(self, body: Body, answer: aiohttp.ClientResponse) -> None:
        self._body = body
        self._answer = answer
        self._rest = b""

    async def send(self, message: bytes) -> None:
        """Any bytes; where lines end is the sender's affair."""
        await self._body.put(message)

    async def receive(self, silence: float) -> Sequence[bytes] | Closed | None:
        """Lines without their ends; blank ones are passed over."""
        while True:
            try:
                async with asyncio.timeout(silence):
                    piece = await self._answer.content.readany()
            except TimeoutError:
                return None
            except (aiohttp.ClientError, OSError) as error:
                raise Unreachable(f"the connection failed: {str(error) or type(error).__name__}") from error
            if not piece:
                return Closed()
            *lines, self._rest = (self._rest + piece).split(b"\n")
            if len(self._rest) > LONGEST_MESSAGE:
                raise Unreachable("a line of the server has no end")
            if full := [line for line in lines if line.strip()]:
                return full

    async def end(self) -> None:
        """The end of the request's body."""
        await self._body.put(None)

    async def close(self) -> None:
        """The connection is used again where both sides came to their end."""
        if self._answer.content.at_eof():
            self._answer.release()
        else:
            self._answer.close()


class SocketDuplex:
    """The text frames of a WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, message: bytes) -> None:
        """One text frame; where the connection is gone, `receive` says why."""
        with contextlib.suppress(aiohttp.ClientError, OSError):
            await self._socket.send_str(message.decode())

    async def receive(self, silence: float) -> Sequence[bytes] | Closed | None:
        """A text frame."""
        try:
            message = await self._socket.receive(timeout=silence)
        except TimeoutError:
            return None
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                return (bytes(message.data, "utf-8"),)
            case aiohttp.WSMsgType.BINARY:
                raise Unreachable("the server sent a frame that is no text")
            case _:
                return Closed(self._socket.close_code, str(message.extra or ""))

    async def end(self) -> None:
        """Say goodbye."""
        await self._socket.close()

    async def close(self) -> None:
        """Say goodbye where that is still possible."""
        await self._socket.close()
