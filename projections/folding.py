"""Pieces of the log folded into steps; the newest states of many streams are kept, the others read again.

A state depends on the log alone, so what is kept may be forgotten at any time.
"""

from collections import OrderedDict
from collections.abc import Sequence

from eventstore import EventStore, RecordedEvent

from .errors import ReplayDiverged
from .replay import PastNeeded, Step, StreamFold

_STREAMS_KEPT = 5_000

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


async def fold_whole(store: EventStore, event: RecordedEvent) -> StreamFold:
    """The event's stream up to it, with every state that it may need. Raises ReplayDiverged."""
    whole = StreamFold(kept=None)
    for earlier in await store.read_stream(event.tenant, event.stream, up_to=event.sequence - 1):
        _apply(whole, earlier)
    return whole


def _apply(whole: StreamFold, event: RecordedEvent) -> Step:
    try:
        return whole.apply(event)
    except PastNeeded as error:
        raise ReplayDiverged(
            lane=event.lane, position=event.position, reason="it refers to no earlier event of its stream"
        ) from error
