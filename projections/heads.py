"""Heads built anew from the log, stream by stream, and laid beside those that are kept.

Events come page by page in the order of their streams, and the next page is read while this one is folded. So memory
holds two pages, however long the log or a stream.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from eventstore import EventStore, Head
from techdengue.resolver import decode_state, encode_state

from .streams import Place, Rebuilt, Streams

_PAGE: Final = 1000
"""Events that are read at once."""

Take = Callable[[Sequence[Rebuilt], int], Awaitable[None]]
"""Called with the streams that have ended, by tenant and stream, and how many events were read for them."""


async def rebuild_heads(store: EventStore, take: Take) -> None:
    """The heads of the whole log, in pieces. `take` may use the store. Raises what the store raises."""
    streams = Streams(store)
    try:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(store.page_streams(None, _PAGE))
            while rows := await reading:
                tenant, stream, sequence = rows[-1][:3]
                after = (tenant, stream, sequence)
                reading = group.create_task(store.page_streams(after, _PAGE))
                await asyncio.sleep(0)  # the statement is on its way before the fold begins
                ended = await streams.fold(rows, reading)
                await asyncio.wait({reading})
                await take(ended, len(rows))
            await take(streams.end(), 0)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def check_heads(store: EventStore, differs: Callable[[Place, str], None], progress: Callable[[int], None]) -> int:
    """Compare every head with its stream; answers how many heads there are.

    All of it byte for byte; a state that is stored in an earlier format is written anew first.

    `differs` is told each place and why, in order; `progress` how many events are behind. The caller's transaction
    is one snapshot. Raises what the store raises.
    """
    kept = _Kept(store, differs)
    covered = 0

    async def compare(rebuilt: Sequence[Rebuilt], events: int) -> None:
        nonlocal covered
        await kept.compare(rebuilt)
        covered += events
        progress(covered)

    await rebuild_heads(store, compare)
    await kept.finish()
    return kept.count


class _Kept:
    """The heads that are kept, by tenant and stream."""

    def __init__(self, store: EventStore, differs: Callable[[Place, str], None]) -> None:
        self._store = store
        self._differs = differs
        self._heads: deque[Head] = deque()
        self._after: Place | None = None
        self.count = 0

    async def compare(self, rebuilt: Sequence[Rebuilt]) -> None:
        """Compare the next heads with what they should be."""
        while rebuilt and (self._after is None or self._after < rebuilt[-1].place):
            if not await self._read(len(rebuilt)):
                break
        for expected in rebuilt:
            while self._heads and _place_of(self._heads[0]) < expected.place:
                self._differs(_place_of(self._heads.popleft()), _NOT_IN_THE_LOG)
            if not self._heads or _place_of(self._heads[0]) != expected.place:
                self._differs(expected.place, "is missing")
            elif reason := _difference(self._heads.popleft(), expected):
                self._differs(expected.place, reason)

    async def finish(self) -> None:
        """Whatever heads are left have no stream."""
        while self._heads or await self._read(_PAGE):
            self._differs(_place_of(self._heads.popleft()), _NOT_IN_THE_LOG)

    async def _read(self, limit: int) -> bool:
        heads = await self._store.page_heads(self._after, limit)
        self._heads.extend(heads)
        self.count += len(heads)
        if heads:
            self._after = _place_of(heads[-1])
        return bool(heads)


_NOT_IN_THE_LOG: Final = "is not in the log"


def _place_of(head: Head) -> Place:
    return head.tenant, head.stream


def _difference(kept: Head, rebuilt: Rebuilt) -> str | None:
    expected = rebuilt.head
    if expected is None or kept == expected:
        return rebuilt.reason or None
    names = [name for name in Head.__struct_fields__ if getattr(kept, name) != getattr(expected, name)]
    if "state" in names and _as_written_now(kept.state) == expected.state:
        names.remove("state")
    return f"differs from the log in {', '.join(names)}" if names else None


def _as_written_now(state: bytes) -> bytes | None:
    try:
        return encode_state(decode_state(state))
    except msgspec.DecodeError:
        return None
