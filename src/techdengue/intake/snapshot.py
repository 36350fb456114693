"""What a group is decided on: recorded keys, heads, clocks, owners and the past, as of one moment."""

import msgspec

from eventstore import NewEvent, RecordedEvent
from techdengue.domain.operation import Outcome
from techdengue.domain.times import to_micros

Place = tuple[str, str]
"""(tenant, stream)."""

_TOLD_AGAIN = frozenset({Outcome.MERGED.value, Outcome.SERVER_KEPT.value, Outcome.CONFLICT.value})
"""Outcomes whose answer tells more than the event row holds: a repeat folds the stream up to it."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is in the log already, found by its key."""

    tenant: str
    stream: str
    sequence: int
    version: int
    outcome: str
    type: str
    digest: bytes
    metadata: bytes
    recorded_at: int

    @property
    def is_told_again(self) -> bool:
        """Whether a repeat's answer needs the stream's past."""
        return self.outcome in _TOLD_AGAIN


def known_of(event: NewEvent) -> Known:
    """An event as a read finds it."""
    return Known(
        tenant=event.tenant,
        stream=event.stream,
        sequence=event.sequence,
        version=event.version,
        outcome=event.outcome,
        type=event.type,
        digest=event.digest,
        metadata=event.metadata,
        recorded_at=to_micros(event.recorded_at),
    )


class StoredHead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A head: its state is decoded only where it is used."""

    sequence: int
    version: int
    state: bytes
    past: tuple[bytes, ...] = ()
    """The states after its stream's events 1, 2, …, its own included; empty where they are not remembered."""


class Believed(msgspec.Struct):
    """What was remembered and no head or clock speaks for: the append looks for it, and writes nothing where it misses
    some."""

    owners: dict[str, str] = {}
    """Of devices."""
    events: list[tuple[str, str, str]] = []
    """Writer, key and tenant of each."""

    def columns(self) -> tuple[list[str], ...]:
        """As sql/append.sql takes it."""
        events = ([event[place] for event in self.events] for place in range(3))
        return list(self.owners), list(self.owners.values()), *events


class Snapshot(msgspec.Struct, kw_only=True):
    """What is known before a group is decided, as read or as remembered. `now` is the database's time when it was, µs;
    `read_at` is `time.monotonic()` then."""

    known: dict[tuple[str, str], list[Known]] = {}
    heads: dict[Place, StoredHead] = {}
    tenants: dict[str, list[str]] = {}
    """The tenants that have a stream of this name, among those of `heads`."""
    clocks: dict[str, int] = {}
    owners: dict[str, str] = {}
    pasts: dict[Place, list[RecordedEvent]] = {}
    """First events of streams that have moved on since an operation's author saw them, up to what was seen."""
    believed: Believed = msgspec.field(default_factory=Believed)
    now: int = 0
    read_at: float = 0.0

    def add_head(self, place: Place, head: StoredHead) -> None:
        """The head of a stream; a later one takes its place."""
        if place not in self.heads:
            self.tenants.setdefault(place[1], []).append(place[0])
        self.heads[place] = head
