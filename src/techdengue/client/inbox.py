"""Where a channel's own tasks put what comes, and its errors, for the one that receives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from .channel import Message
from .errors import LinkError


class Inbox:
    """Messages in the order in which they came. `put` waits while one is not taken: that is the back-pressure."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Message | LinkError] = asyncio.Queue(maxsize=1)

    async def put(self, message: Message | LinkError) -> None:
        """Add a message, or the error that ends the conversation."""
        await self._waiting.put(message)

    async def take(self) -> Message:
        """The next message. Raises what was put as an error."""
        message = await self._waiting.get()
        if isinstance(message, LinkError):
            raise message
        return message

    @contextlib.asynccontextmanager
    async def filled_by(self, work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        """Run `work` beside the block; a LinkError of it goes to the one who takes."""
        task = asyncio.ensure_future(self._guarded(work))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))
        if not task.cancelled():
            task.result()

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except LinkError as error:
            await self._waiting.put(error)
