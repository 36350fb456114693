"""A listener of ours on a free port: its connections end with it, and an error in one ends all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from techdengue.dev.ports import LOOPBACK

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@contextlib.asynccontextmanager
async def listening(serve: Serve, *, limit: int = 64 * 1024) -> AsyncIterator[int]:
    """Serve each connection in a task of its own until the block ends; yields the port."""
    serving: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as group:

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = group.create_task(serve(reader, writer))
            serving.add(task)
            task.add_done_callback(serving.discard)

        listener = await asyncio.start_server(accept, LOOPBACK, 0, limit=limit)
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
            for task in serving:
                task.cancel()
