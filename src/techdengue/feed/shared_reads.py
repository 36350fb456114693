"""One query for identical reads: thousands of devices of one territory wake together and ask the same.

Identical means the same territory, so whoever gets a shared page could have read every row of it: each query runs under
row-level security with just that territory. A few queries run at once, so that waking many territories leaves
connections to the requests.
"""

import asyncio
import collections
import functools
from typing import Final

import msgspec

from projections.model import Document, Page
from techdengue import telemetry
from techdengue.domain.access import Caller

from .errors import Stopping
from .ports import Log
from .slices import Slices
from .waiting import Territory, Waiters

_KEPT_PAGES: Final = 256
_KEPT_BYTES: Final = 8 * 1024 * 1024
_LARGEST_KEPT: Final = 1024 * 1024


class _Key(msgspec.Struct, frozen=True):
    territory: Territory
    cursor: str | None
    limit: int
    entity_type: str | None


Answer = Page[Document] | Exception


class _Read:
    """One query, on its way or made; `begun` is the round of waking in which it was sent."""

    __slots__ = ("answer", "begun", "caller", "size", "waiting")

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.begun = -1
        self.size = 0
        self.answer: Answer | None = None
        self.waiting: list[asyncio.Future[Answer]] = []


class SharedReads:
    """Reads of changes. `tasks` runs the queries, `at_once` of them together."""

    def __init__(self, log: Log, waiters: Waiters, slices: Slices, *, at_once: int) -> None:
        self._log = log
        self._slices = slices
        self._waiters = waiters
        self._turn = asyncio.Semaphore(at_once)
        self._next: dict[_Key, _Read] = {}
        self._running: dict[_Key, _Read] = {}
        self._kept: collections.OrderedDict[_Key, _Read] = collections.OrderedDict()
        self._kept_bytes = 0

    async def changes(
        self,
        tasks: asyncio.TaskGroup,
        caller: Caller,
        *,
        cursor: str | None,
        limit: int,
        entity_type: str | None,
        ticket: int | None,
    ) -> Page[Document]:
        """A page that was read after the ticket was taken; without one, after this call."""
        key = _Key(caller.municipios, cursor, limit, entity_type)
        read = self._find(key, ticket)
        if read is None:
            read = self._next[key] = _Read(caller)
            tasks.create_task(self._run(key, read))
        if (answer := read.answer) is None:
            future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            read.waiting.append(future)
            answer = await future
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _find(self, key: _Key, ticket: int | None) -> _Read | None:
        if ticket is not None:
            for how, reads in (("kept", self._kept), ("joined", self._running)):
                read = reads.get(key)
                if read is not None and read.begun >= ticket:
                    telemetry.FEED_READS.labels(how).inc()
                    return read
        read = self._next.get(key)
        telemetry.FEED_READS.labels("made" if read is None else "joined").inc()
        return read

    async def _run(self, key: _Key, read: _Read) -> None:
        try:
            async with self._turn:
                del self._next[key]
                read.begun = self._waiters.round
                self._running[key] = read
                page = await self._log.changes(
                    read.caller, cursor=key.cursor, limit=key.limit, entity_type=key.entity_type
                )
        except asyncio.CancelledError:
            self._answer(read, Stopping("the server is stopping"))
            raise
        except Exception as error:  # noqa: BLE001 - whoever asked for the page is told
            self._answer(read, error)
        else:
            self._answer(read, page)
            self._keep(key, read, page)
        finally:
            for reads in (self._next, self._running):
                if reads.get(key) is read:
                    del reads[key]

    def _answer(self, read: _Read, answer: Answer) -> None:
        read.answer = answer
        self._slices.add([functools.partial(_settle, future, answer) for future in read.waiting])
        read.waiting.clear()

    def _keep(self, key: _Key, read: _Read, page: Page[Document]) -> None:
        read.size = sum(len(item.data) for item in page.items if item.data is not None)
        if read.size > _LARGEST_KEPT:
            return
        if (before := self._kept.pop(key, None)) is not None:
            self._kept_bytes -= before.size
        self._kept[key] = read
        self._kept_bytes += read.size
        while len(self._kept) > _KEPT_PAGES or self._kept_bytes > _KEPT_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= oldest.size


def _settle(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
