"""What an event store does: the promises that every implementation keeps (tests/eventstore/contract.py)."""

from collections.abc import Sequence
from typing import Protocol

from .model import Appended, AppendUnit, EventFilter, Head, RecordedEvent
from .stream_rows import StreamRow


class EventStore(Protocol):
    """Streams of events, their heads, one log of all in commit order, and the checkpoints of its followers."""

    async def append(self, units: Sequence[AppendUnit], lane: int = 0) -> Appended:
        """Append each unit whole, or not at all where a head, a clock or a key is no longer as it expected.

        The winners' events get the next positions in order. Raises InvalidAppend when the units contradict
        themselves or each other: then nothing is appended.
        """

    async def read_stream(
        self, tenant: str, stream: str, after: int = 0, up_to: int | None = None, limit: int | None = None
    ) -> list[RecordedEvent]:
        """Events of one stream, by sequence: those above `after` and not above `up_to`, at most `limit`."""

    async def read_streams(self, wanted: Sequence[tuple[str, str, int | None]]) -> list[RecordedEvent]:
        """Events of several `(tenant, stream, up_to)`, stream by stream as asked, each by sequence."""

    async def page_streams(self, after: tuple[str, str, int] | None, limit: int) -> Sequence[StreamRow]:
        """At most `limit` events of all streams above the `(tenant, stream, sequence)` of `after`, in that order."""

    async def read_all(self, after: int, limit: int, lane: int = 0) -> list[RecordedEvent]:
        """At most `limit` events of the log above position `after`, by position."""

    async def read_heads(self, wanted: Sequence[tuple[str, str]]) -> list[Head]:
        """Heads of those `(tenant, stream)` that exist, in no particular order."""

    async def page_heads(
        self,
        after: tuple[str, str] | None,
        limit: int,
        tenants: Sequence[str] | None = None,
        stream_prefix: str | None = None,
    ) -> list[Head]:
        """At most `limit` heads above the `(tenant, stream)` of `after`, by tenant and stream (code point order)."""

    async def search(
        self, wanted: EventFilter, after: int | None, limit: int, *, descending: bool = False, lane: int = 0
    ) -> list[RecordedEvent]:
        """At most `limit` events that pass the filter, by position: above `after`, or below it when descending."""

    async def tail(self, lane: int = 0) -> int:
        """The last position of the lane; 0 when it is empty."""

    async def checkpoint(self, name: str) -> int:
        """Where this follower of the log stands; 0 when it has not begun."""

    async def advance(self, name: str, expected: int, position: int) -> None:
        """Move a follower's checkpoint. Raises CheckpointMoved when it does not stand at `expected`."""
