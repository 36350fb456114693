"""A request's body on its way in, and what is left of it when the answer is ready before it has been read.

A server that answers and closes while the client is still sending resets the connection: the client sees no 401 and no
413 but a broken pipe, and sends the same again for ever. So what is left is read and forgotten first, within bounds.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

MOST_BYTES: Final = 64 * 1024 * 1024
MOST_SECONDS: Final = 15.0
LEAVE_SECONDS: Final = 2.0
"""For a client that was told, while it sends, that no more is taken."""


class Upload:
    """An ASGI `receive` that knows whether the body came to its end."""

    __slots__ = ("_begun", "_ended", "_headers", "_receive")

    def __init__(self, headers: list[tuple[bytes, bytes]], receive: Callable[[], Awaitable[Any]]) -> None:
        self._headers = headers
        self._receive = receive
        self._begun = self._ended = False

    async def __call__(self) -> Any:
        """The next message."""
        message = await self._receive()
        self._begun = True
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def finish(self, seconds: float | None = None) -> bool:
        """Read the rest and forget it. False where that is too much, too slow or not wanted: close the connection."""
        if self._ended or not self._has_body():
            return True
        if not self._begun and self._waits_for_leave():
            return False
        try:
            async with asyncio.timeout(MOST_SECONDS if seconds is None else seconds):
                return await self._forget_rest()
        except TimeoutError:
            return False

    async def _forget_rest(self) -> bool:
        left = MOST_BYTES
        while not self._ended and left >= 0:
            left -= len((await self()).get("body", b""))
        return self._ended

    def _has_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in self._headers
        )

    def _waits_for_leave(self) -> bool:
        """Whether the client sends its body only after a 100 Continue (RFC 9110, 10.1.1)."""
        return any(name == b"expect" and value.lower() == b"100-continue" for name, value in self._headers)
