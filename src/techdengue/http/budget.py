"""How many bytes of requests one user may have in the server at once: nobody alone can fill its memory, or keep
others out by sending slowly."""

import asyncio

from .problems import Problem


class BodyBudget:
    """Bytes by user, from the arrival of a body's first chunk to the end of its answer."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, int] = {}
        self._waiting: dict[str, asyncio.Event] = {}

    def held(self, user: str) -> int:
        """Bytes that the user has now."""
        return self._held.get(user, 0)

    def hold(self, user: str, size: int) -> None:
        """Count so many bytes more. Raises Problem 429 where the user has too many already; then none is counted."""
        held = self._held.get(user, 0)
        if held + size > self._most:
            raise Problem("overloaded", "You are sending too much at once; finish other requests first", headers=_SOON)
        self._held[user] = held + size

    async def hold_when_free(self, user: str, size: int) -> None:
        """Count so many bytes more, once the user has room for them."""
        while self._held.get(user, 0) + size > self._most:
            await self._waiting.setdefault(user, asyncio.Event()).wait()
        self._held[user] = self._held.get(user, 0) + size

    def release(self, user: str, size: int) -> None:
        """Count so many bytes less."""
        left = self._held.get(user, 0) - size
        if left > 0:
            self._held[user] = left
        else:
            self._held.pop(user, None)
        if (waiting := self._waiting.pop(user, None)) is not None:
            waiting.set()


_SOON = {"retry-after": "1"}
