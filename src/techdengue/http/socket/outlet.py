"""Everything that is sent on one socket: one message after the other, and no reader is waited for without end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from techdengue.http.problems import Problem

from .messages import Told

LOST: Final = 1006
"""What a close code says of a peer that left without one."""
_encoder = msgspec.json.Encoder()


class Gone(Exception):
    """The device has left; `code` is that of its close."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Outlet:
    """Sends; `seconds` is how long the reader may take for a message."""

    __slots__ = ("_seconds", "_send", "_turn", "sent_at")

    def __init__(self, send: Callable[[Any], Awaitable[None]], seconds: float) -> None:
        self._send = send
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self.sent_at = time.monotonic()
        """When something was last sent, by `time.monotonic()`."""

    async def tell(self, message: Told) -> None:
        """Send a message. Raises Problem `reader_too_slow`, and Gone."""
        await self.write(_encoder.encode(message))

    async def write(self, raw: bytes) -> None:
        """Send a message that is JSON already."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._seconds):
                    await self._send({"type": "websocket.send", "text": raw.decode()})
            except TimeoutError as error:
                raise Problem("reader_too_slow", f"Nothing was read for {self._seconds:g} s") from error
            except OSError as error:
                raise Gone(LOST) from error
            self.sent_at = time.monotonic()
