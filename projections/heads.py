"""Heads built anew from the log, stream by stream, and laid beside those that are kept.

Events come page by page in the order of their streams, and the next page is read while this one is folded. So memory
holds two pages, however long the log or a stream.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from eventstore import EventStore, Head, RecordedEvent
from techdengue.domain.operation import Outcome
from techdengue.domain.payload import Payload, decode_payload
from techdengue.domain.times import from_micros
from techdengue.resolver import PlainLife, State, document, encode_state

from .errors import ReplayDiverged
from .folding import fold_whole
from .replay import PastNeeded, StreamFold, operation_of

_PAGE: Final = 1000
"""Events that are read at once."""

_NOTHING_NOTED: Final = b"{}"
_APPLIED: Final = Outcome.APPLIED.value
_encode: Final = msgspec.json.Encoder().encode

Place = tuple[str, str]
"""(tenant, stream)."""


class Rebuilt(msgspec.Struct, frozen=True):
    """What the log makes of a stream: its head, or why it does not replay."""

    place: Place
    head: Head | None
    reason: str = ""


Take = Callable[[Sequence[Rebuilt], int], Awaitable[None]]
"""Called with the streams that have ended, by tenant and stream, and how many events were read for them."""


async def rebuild_heads(store: EventStore, take: Take) -> None:
    """The heads of the whole log, in pieces. `take` may use the store. Raises what the store raises."""
    streams = _Streams(store)
    try:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(store.page_streams(None, _PAGE))
            while events := await reading:
                last = events[-1]
                after = (last.tenant, last.stream, last.sequence)
                reading = group.create_task(store.page_streams(after, _PAGE))
                await asyncio.sleep(0)  # the statement is on its way before the fold begins
                ended = await streams.fold(events, reading)
                await asyncio.wait({reading})
                await take(ended, len(events))
            await take(streams.end(), 0)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def check_heads(store: EventStore, differs: Callable[[Place, str], None], progress: Callable[[int], None]) -> int:
    """Compare every head with its stream, byte for byte; answers how many heads there are.

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


class _Streams:
    """One stream after the other, folded."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._last: RecordedEvent | None = None
        self._life: PlainLife | None = None
        """The stream for as long as it is a plain one; then the fold."""
        self._fold = StreamFold()
        self._broken = ""

    async def fold(self, events: Sequence[RecordedEvent], reading: asyncio.Task[Any]) -> list[Rebuilt]:
        """Fold a page, and answer the streams that have ended in it. `reading` has the connection meanwhile."""
        ended: list[Rebuilt] = []
        for event in events:
            last = self._last
            if last is None or event.stream != last.stream or event.tenant != last.tenant:
                if last is not None:
                    ended.append(self._end(last))
                self._life, self._broken = PlainLife(), ""
            self._last = event
            if not self._broken:
                try:
                    self._take(event)
                except PastNeeded:
                    await asyncio.wait({reading})
                    await self._fold_again(event)
                except ReplayDiverged as error:
                    self._broken = str(error)
        return ended

    def end(self) -> list[Rebuilt]:
        """The stream that is being folded, which has no more events; none before the first."""
        return [] if self._last is None else [self._end(self._last)]

    def _end(self, last: RecordedEvent) -> Rebuilt:
        place = last.tenant, last.stream
        if self._broken:
            return Rebuilt(place, None, self._broken)
        if self._life is not None:
            return Rebuilt(place, _head_of_life(last, self._life))
        return Rebuilt(place, _head_of_state(last, self._fold.state))

    def _take(self, event: RecordedEvent) -> None:
        payload, life = decode_payload(event.payload), self._life
        if life is not None:
            if _is_plain(event, payload, life) and life.apply(operation_of(event, payload)):
                return
            self._fold, self._life = StreamFold(life.state()), None
        self._fold.advance(event, payload)

    async def _fold_again(self, event: RecordedEvent) -> None:
        """Fold the stream anew, and from here on with every state that its merges may ask for."""
        try:
            self._fold = await fold_whole(self._store, event)
            self._fold.apply(event)
        except PastNeeded:
            self._broken = "refers to no earlier event of its stream"
        except ReplayDiverged as error:
            self._broken = str(error)


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


def _is_plain(event: RecordedEvent, payload: Payload, life: PlainLife) -> bool:
    """Whether the event is recorded as one that a plain life takes. Whatever is not, the fold looks at."""
    return (
        event.sequence == event.version == life.sequence + 1
        and event.outcome == _APPLIED
        and event.rule_set in life.rule_sets
        and payload.operation is not UNSET
        and payload.resolves is UNSET
        and (event.metadata == _NOTHING_NOTED or b"conflict_type" not in event.metadata)
    )


def _head_of_life(last: RecordedEvent, life: PlainLife) -> Head:
    """Of a plain life's events each was received after the one before, and each made a version."""
    return Head(
        tenant=last.tenant,
        stream=last.stream,
        sequence=life.sequence,
        version=life.sequence,
        position=last.position,
        updated_at=last.occurred_at,
        recorded_at=last.recorded_at,
        state=life.encode(),
        document=_encode(life.document),
    )


def _head_of_state(last: RecordedEvent, state: State) -> Head:
    shown = document(state)
    return Head(
        tenant=last.tenant,
        stream=last.stream,
        sequence=state.sequence,
        version=state.version,
        position=last.position,
        updated_at=from_micros(state.last.time if state.last else state.clock),
        recorded_at=from_micros(state.received_at),
        state=encode_state(state),
        document=None if shown is None else _encode(shown),
    )


def _difference(kept: Head, rebuilt: Rebuilt) -> str | None:
    expected = rebuilt.head
    if expected is None or kept == expected:
        return rebuilt.reason or None
    names = [name for name in Head.__struct_fields__ if getattr(kept, name) != getattr(expected, name)]
    return f"differs from the log in {', '.join(names)}"
