"""The feed: what changed since a cursor, as it changes.

The way of a reader:

    ticket = feed.ticket(caller)
    page = await feed.changes(caller, cursor=cursor, limit=500, entity_type=None, ticket=ticket)
    …
    woken = await feed.wait(caller, ticket, seconds)      # then from the top

The ticket is taken before the read, so what is committed between the read and the wait ends the wait at once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection

from projections.model import Document, Page
from techdengue import telemetry
from techdengue.domain.access import Caller

from .errors import Stopping
from .heard import Heard
from .ports import Log
from .redis_wake_ups import Range, RedisWakeUps
from .shared_reads import SharedReads
from .slices import Slices
from .tail import Tail
from .waiting import Waiters


class Feed:
    """Waits and reads of one process: `reads_at_once` queries, and `poll_seconds` between two looks at the tail.

    With a Redis address, processes tell each other of their commits. Raises ValueError where it is not one.
    """

    def __init__(self, log: Log, *, reads_at_once: int = 4, poll_seconds: float = 2.0, redis_url: str = "") -> None:
        slices = Slices()
        self._waiters = Waiters(slices)
        self._heard = Heard()
        self._reads = SharedReads(log, self._waiters, slices, at_once=reads_at_once)
        self._tail = Tail(log.tail, self._heard, self._waiters, interval=poll_seconds)
        self._redis = RedisWakeUps(redis_url, log.identity, self._committed_elsewhere) if redis_url else None
        self._tasks: asyncio.TaskGroup | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answers reads, and watches the log, for as long as the block."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            watching = [tasks.create_task(self._tail.watch(), name="feed-tail")]
            if self._redis is not None:
                watching.append(tasks.create_task(self._redis.run(), name="feed-redis"))
            try:
                yield
            finally:
                self.stop_waiting()
                self._tasks = None
                for task in watching:
                    task.cancel()

    @property
    def stopping(self) -> bool:
        """Whether the server is ending: then nobody waits any more."""
        return self._waiters.stopped

    def stop_waiting(self) -> None:
        """End every wait, now and from now on: each answers False. Reads are still answered."""
        self._waiters.stop()

    def ticket(self, caller: Caller) -> int:
        """What `wait` compares with; take it before reading."""
        return self._waiters.ticket(caller.municipios)

    async def changes(
        self, caller: Caller, *, cursor: str | None, limit: int, entity_type: str | None, ticket: int | None = None
    ) -> Page[Document]:
        """The entities that changed since the cursor, as the readers answer it; identical reads cost one query.

        With a ticket the page may be one that was read for somebody else since the ticket's round of waking: right for
        whoever goes on to wait with that ticket. Without one the query is sent after this call.
        Raises CursorFromElsewhere, Stopping and what the database raises.
        """
        if self._tasks is None:
            raise Stopping("the feed is not running")
        return await self._reads.changes(
            self._tasks, caller, cursor=cursor, limit=limit, entity_type=entity_type, ticket=ticket
        )

    async def wait(self, caller: Caller, ticket: int, seconds: float) -> bool:
        """Wait until something is committed in the caller's municípios, or was since the ticket was taken.

        True as soon as it is (a read may still find nothing new), False after `seconds` or when the server stops.
        """
        return await self._waiters.wait(caller.municipios, ticket, seconds)

    def committed(self, first: int, last: int, municipios: Collection[str]) -> None:
        """The intake has committed these positions, in these municípios."""
        telemetry.FEED_WAKE_UPS.labels("local").inc()
        self._heard.add(first, last)
        self._waiters.announce(municipios)
        if self._redis is not None:
            self._redis.offer(first, last, municipios)

    def _committed_elsewhere(self, ranges: Collection[Range], municipios: Collection[str]) -> None:
        telemetry.FEED_WAKE_UPS.labels("redis").inc()
        for first, last in ranges:
            self._heard.add(first, last)
        self._waiters.announce(municipios)
