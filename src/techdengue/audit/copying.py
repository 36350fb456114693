"""Brings the batches of devices into the trail: each row of `techdengue.sync_request` once, in the order of their ids.

Ids are drawn before the commit, so a smaller one may become visible later than a larger one. An id is gone past only
when every transaction that may have drawn a smaller one has ended.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from .statements import COPY_REQUESTS, COUNT_WRITERS, FIND_REQUESTS

_MOST_TOGETHER: Final = 1000
_LOOK_SECONDS: Final = 0.02
_LONGEST_LOOK_SECONDS: Final = 1.0


class RequestCopier:
    """Copies through a pool of the role `techdengue_auditor`; `timeout` is seconds."""

    def __init__(self, pool: "asyncpg.Pool[Any]", *, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    async def copy(self) -> int:
        """Copy what there is; answers how many requests that were."""
        connection: Any
        async with self._pool.acquire(timeout=self._timeout) as connection:
            found = await connection.fetchrow(FIND_REQUESTS)
            last_id = found["last_id"]
            if last_id is None or last_id <= found["copied_id"]:
                return 0
            await self._wait_for(connection, found["writers"])
            copied = 0
            while entries := await connection.fetchval(COPY_REQUESTS, last_id, _MOST_TOGETHER):
                copied += entries
            return copied

    async def _wait_for(self, connection: Any, writers: Sequence[str]) -> None:
        """Until none of these transactions goes on: milliseconds, unless somebody holds one open by hand."""
        pause = _LOOK_SECONDS
        while writers and await connection.fetchval(COUNT_WRITERS, list(writers)):
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_LOOK_SECONDS)
