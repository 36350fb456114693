"""Reading the log as it grows: every event once, in order, and loudly never with a gap."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from .errors import GapInLog
from .model import RecordedEvent
from .store import EventStore


def assert_gapless(after: int, events: Sequence[RecordedEvent]) -> int:
    """Answer the last position of a whole piece of a lane that was read after `after`. Raises GapInLog."""
    for event in events:
        if event.position != after + 1:
            raise GapInLog(lane=event.lane, expected=after + 1, found=event.position)
        after = event.position
    return after


async def follow(
    store: EventStore, after: int, wait: Callable[[], Awaitable[object]], *, limit: int = 500, lane: int = 0
) -> AsyncIterator[list[RecordedEvent]]:
    """Yield the log above `after` in pieces of at most `limit`, for ever; `wait` is awaited when nothing is left.

    Raises GapInLog when a position is missing or hidden, and when the log ends before `after` (an older backup was
    restored).
    """
    while True:
        tail = await store.tail(lane)
        if tail < after:
            raise GapInLog(lane=lane, expected=after, found=tail)
        events = await store.read_all(after, limit, lane)
        if events:
            after = assert_gapless(after, events)
            yield events
        elif tail > after:
            raise GapInLog(lane=lane, expected=after + 1, found=tail)
        else:
            await wait()
