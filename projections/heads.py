"""Are the heads what the log says? The log is read stream by stream, folded, and laid beside what is kept.

Events and heads come page by page in one order, and the next page is read while this one is folded. So memory holds
two pages, however long the log or a stream.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from eventstore import EventStore, Head, RecordedEvent
from techdengue.domain.times import from_micros
from techdengue.resolver import State, document, encode_state

from .errors import ReplayDiverged
from .folding import fold_whole
from .replay import PastNeeded, Step, StreamFold

_PAGE: Final = 1000
"""Events that are read at once."""

Place = tuple[str, str]
"""(tenant, stream)."""


class _Page(msgspec.Struct, frozen=True):
    """Events, and the heads up to the last one's stream."""

    events: list[RecordedEvent]
    heads: list[Head]


async def check_heads(store: EventStore, differs: Callable[[Place, str], None], progress: Callable[[int], None]) -> int:
    """Compare every head with its stream, byte for byte; answers how many heads there are.

    `differs` is told each place and why, in order; `progress` how many events are behind. The caller's transaction
    is one snapshot. Raises what the store raises.
    """
    check = _Check(store, differs)
    try:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(_read(store, None, None))
            while (page := await reading).events:
                last = page.events[-1]
                after_head = place_of(page.heads[-1]) if page.heads else check.after_head
                reading = group.create_task(_read(store, (last.tenant, last.stream, last.sequence), after_head))
                await asyncio.sleep(0)  # the statement is on its way before the fold begins
                await check.take(page, reading)
                progress(check.covered)
            check.finish(page)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return check.heads


def place_of(row: RecordedEvent | Head) -> Place:
    """Whose event or head it is."""
    return row.tenant, row.stream


def head_of(state: State, last: RecordedEvent, visible: dict[str, Any] | None) -> Head:
    """The head that a stream has whose last event is `last` and leaves `state`, which shows `visible`."""
    return Head(
        tenant=last.tenant,
        stream=last.stream,
        sequence=state.sequence,
        version=state.version,
        position=last.position,
        updated_at=from_micros(state.last.time if state.last else state.clock),
        recorded_at=from_micros(state.received_at),
        state=encode_state(state),
        document=None if visible is None else msgspec.json.encode(visible),
    )


async def _read(store: EventStore, after: tuple[str, str, int] | None, after_head: Place | None) -> _Page:
    """The next events, and the heads that their streams should have; with no event left, all heads that are left."""
    events = await store.page_streams(after, _PAGE)
    wanted = len({place_of(event) for event in events}) or _PAGE
    heads: list[Head] = []
    while not events or after_head is None or after_head < place_of(events[-1]):
        page = await store.page_heads(after_head, wanted)
        if not page:
            break
        heads += page
        after_head = place_of(page[-1])
    return _Page(events, heads)


class _Check:
    """One stream after the other: folded, and at its end compared."""

    def __init__(self, store: EventStore, differs: Callable[[Place, str], None]) -> None:
        self._store = store
        self._differs = differs
        self._heads: deque[Head] = deque()
        self._fold = StreamFold()
        self._last: RecordedEvent | None = None
        self._created: dict[str, Any] | None = None
        self._broken: str | None = None
        self.covered = self.heads = 0
        self.after_head: Place | None = None

    async def take(self, page: _Page, reading: asyncio.Task[_Page]) -> None:
        """Fold a page; `reading` has the connection meanwhile."""
        self._take_heads(page.heads)
        self.covered += len(page.events)
        for event in page.events:
            last = self._last
            if last is None or event.stream != last.stream or event.tenant != last.tenant:
                self._end_stream()
                self._fold, self._broken = StreamFold(), None
            self._last = event
            if self._broken is None:
                try:
                    self._created = _created(self._fold.apply(event))
                except PastNeeded:
                    await asyncio.wait({reading})
                    await self._fold_again(event)
                except ReplayDiverged as error:
                    self._broken = str(error)

    def finish(self, page: _Page) -> None:
        """The log is over: compare its last stream, and whatever heads are left have no stream."""
        self._take_heads(page.heads)
        self._end_stream()
        for head in self._heads:
            self._differs(place_of(head), _NOT_IN_THE_LOG)

    def _take_heads(self, heads: Sequence[Head]) -> None:
        self._heads.extend(heads)
        self.heads += len(heads)
        if heads:
            self.after_head = place_of(heads[-1])

    async def _fold_again(self, event: RecordedEvent) -> None:
        """Fold the stream anew, and from here on with every state that its merges may ask for."""
        try:
            self._fold, self._created = await fold_whole(self._store, event), None
            self._fold.apply(event)
        except PastNeeded:
            self._broken = "refers to no earlier event of its stream"
        except ReplayDiverged as error:
            self._broken = str(error)

    def _end_stream(self) -> None:
        if self._last is None:
            return
        place = place_of(self._last)
        while self._heads and place_of(self._heads[0]) < place:
            self._differs(place_of(self._heads.popleft()), _NOT_IN_THE_LOG)
        if not self._heads or place_of(self._heads[0]) != place:
            self._differs(place, "is missing")
        elif reason := self._broken or _difference(self._heads[0], self._expected(self._last)):
            self._differs(place, reason)
        if self._heads and place_of(self._heads[0]) == place:
            self._heads.popleft()

    def _expected(self, last: RecordedEvent) -> Head:
        state = self._fold.state
        return head_of(state, last, document(state) if self._created is None else self._created)


def _created(step: Step) -> dict[str, Any] | None:
    """What a create sent that removes nothing: an entity that nothing else happened to shows just that."""
    if step.event.sequence > 1 or b"null" in step.event.payload or step.payload.data is UNSET:
        return None
    return step.payload.data


_NOT_IN_THE_LOG: Final = "is not in the log"


def _difference(kept: Head, expected: Head) -> str | None:
    if kept == expected:
        return None
    names = [name for name in Head.__struct_fields__ if getattr(kept, name) != getattr(expected, name)]
    return f"differs from the log in {', '.join(names)}"
