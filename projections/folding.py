"""Pieces of the log folded into steps; the newest states of many streams are kept, the others read again.

A state depends on the log alone, so what is kept may be forgotten at any time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final, ParamSpec, TypeVar

from eventstore import EventStore, RecordedEvent, StreamEvent

from .errors import ReplayDiverged
from .replay import PastNeeded, Step, StreamFold

_STREAMS_KEPT = 5_000
_PAGE: Final = 500
"""Events of one stream that are read at once."""
_LARGE: Final = 256 * 1024
"""Bytes of payload from which a page is worth a thread."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
_Place = tuple[str, str]


class LogFold:
    """Folds the log piece by piece, for all streams at once."""

    def __init__(self, streams_kept: int = _STREAMS_KEPT) -> None:
        self._kept = streams_kept
        self._folds: OrderedDict[_Place, StreamFold] = OrderedDict()

    async def fold(self, store: EventStore, events: Sequence[RecordedEvent]) -> list[Step]:
        """The steps of a piece of the log. Raises ReplayDiverged."""
        await self._load(store, events)
        steps = [await self._step(store, event) for event in events]
        while len(self._folds) > self._kept:
            self._folds.popitem(last=False)
        return steps

    async def _load(self, store: EventStore, events: Sequence[RecordedEvent]) -> None:
        """Stand every stream of these events where its first one of them finds it."""
        firsts: dict[_Place, int] = {}
        for event in events:
            firsts.setdefault((event.tenant, event.stream), event.sequence - 1)
        wanted: list[tuple[str, str, int | None]] = []
        for place, before in firsts.items():
            held = self._folds.get(place)
            if held is None or held.state.sequence != before:
                self._folds[place] = StreamFold()
                if before:
                    wanted.append((*place, before))
            self._folds.move_to_end(place)
        if wanted:
            for event in await store.read_streams(wanted):
                await self._step(store, event)

    async def _step(self, store: EventStore, event: RecordedEvent) -> Step:
        place = event.tenant, event.stream
        try:
            return self._folds[place].apply(event)
        except PastNeeded:
            whole = await fold_whole(store, event)
        step = _apply(whole, event)
        whole.forget()
        self._folds[place] = whole
        return step


async def stream_steps(
    store: EventStore, tenant: str, stream: str, up_to: int | None = None
) -> AsyncGenerator[list[Step], None]:
    """The steps of one stream from its first event, page by page: no more than a page of them is held at once.

    Raises ReplayDiverged.
    """
    fold, after = StreamFold(), 0
    while events := await store.read_stream(tenant, stream, after, up_to, _PAGE):
        while events:
            steps = await apart(events, _steps, fold, events)
            if len(steps) < len(events):  # the next one needs what is no longer held
                fold = await fold_whole(store, events[len(steps)])
                steps.append(_apply(fold, events[len(steps)]))
            after, events = steps[-1].event.sequence, events[len(steps) :]
            yield steps


async def apart(
    events: Sequence[RecordedEvent],
    work: Callable[Arguments, Result],
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> Result:
    """What `work` on these events answers; on large ones, in a thread, so that everybody else is answered meanwhile."""
    if sum(len(event.payload) for event in events) <= _LARGE:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


def _steps(fold: StreamFold, events: Sequence[RecordedEvent]) -> list[Step]:
    """The steps of these events, up to one that needs more of the past than the fold holds."""
    steps = []
    try:
        for event in events:
            steps.append(fold.apply(event))  # noqa: PERF401 - those before the one that raises are kept
    except PastNeeded:
        pass
    return steps


async def fold_whole(store: EventStore, event: RecordedEvent | StreamEvent) -> StreamFold:
    """The event's stream up to it, with every state that it may need. Raises ReplayDiverged."""
    whole = StreamFold(kept=None)
    place, before = (event.tenant, event.stream), event.sequence - 1
    while page := await store.read_stream(*place, whole.state.sequence, before, _PAGE):
        for earlier in page:
            _apply(whole, earlier)
    return whole


def _apply(whole: StreamFold, event: RecordedEvent) -> Step:
    try:
        return whole.apply(event)
    except PastNeeded as error:
        raise ReplayDiverged(
            lane=event.lane, position=event.position, reason="it refers to no earlier event of its stream"
        ) from error
