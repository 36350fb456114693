"""Requests that wait: whether their client is still there, and how many may wait at once."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from litestar.response.base import ASGIResponse

from .problems import Problem

Answer = TypeVar("Answer")
Receive = Callable[[], Awaitable[Any]]

_RETRY_AFTER = "5"


class ClientLeft(Exception):
    """Nobody is there to be answered."""


class NoAnswer(ASGIResponse):
    """Nothing, for nobody: the edge counts the request as one whose caller left."""

    def __init__(self) -> None:
        self.status_code = 499

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send nothing."""


async def while_present(receive: Receive, work: Coroutine[Any, Any, Answer]) -> Answer:
    """What `work` answers; it is cancelled when the client leaves. Raises ClientLeft and whatever the work raises."""
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_until_left(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientLeft
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.wait({working, watching})


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Places:
    """For so many requests that wait: each costs memory for as long as it does."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0

    def take(self) -> None:
        """Raises Problem 503 where none is free."""
        if self._taken >= self._count:
            raise Problem(
                "too_many_waiting",
                f"{self._count} requests wait here for changes already",
                headers={"retry-after": _RETRY_AFTER},
            )
        self._taken += 1

    def give_back(self) -> None:
        """Once for each that was taken."""
        self._taken -= 1

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """One, for as long as the block. Raises Problem 503."""
        self.take()
        try:
            yield
        finally:
            self.give_back()
