"""What goes into the log and what comes back: plain frozen structs, no behaviour.

Terms: a *tenant* owns streams (here: a município); a *stream* is the ordered events of one thing; a *writer* has
a logical clock that never goes back (here: a device); a *head* is a stream's newest state in one row.
Rows hold no containers, so they are in no cycle, and the cycle collector need not look at them (`gc=False`).
"""

import datetime as dt

import msgspec


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """One event to append. `sequence` is its place in its stream, from 1; `key` is unique per (writer, tenant)."""

    tenant: str
    stream: str
    sequence: int
    version: int
    type: str
    writer: str
    key: str
    digest: bytes
    actor: str
    outcome: str
    rule_set: int
    occurred_at: dt.datetime
    recorded_at: dt.datetime
    payload: bytes
    metadata: bytes


class RecordedEvent(NewEvent, frozen=True, gc=False):
    """An event of the log. `position` is its place in its lane, from 1, gapless and in commit order."""

    lane: int
    position: int


class StreamEvent(msgspec.Struct, frozen=True, gc=False):
    """Of an event of the log what its stream's state is made of."""

    tenant: str
    stream: str
    sequence: int
    version: int
    lane: int
    position: int
    writer: str
    key: str
    outcome: str
    rule_set: int
    occurred_at: dt.datetime
    recorded_at: dt.datetime
    payload: bytes
    metadata: bytes


class Head(msgspec.Struct, frozen=True, gc=False):
    """A stream's newest state: the compare-and-set guard and the snapshot in one row.

    `state` is opaque to the store; `document` is what readers show of it, None when there is nothing to show.
    """

    tenant: str
    stream: str
    sequence: int
    version: int
    position: int
    updated_at: dt.datetime
    recorded_at: dt.datetime
    state: bytes
    document: bytes | None


class HeadChange(msgspec.Struct, frozen=True, kw_only=True):
    """A head as it shall be, if its stream still ends at `expected` (0: the stream does not exist yet).

    `updated_at` is the occurred_at of the event that made `version`; `recorded_at` that of the last event.
    """

    tenant: str
    stream: str
    expected: int
    sequence: int
    version: int
    updated_at: dt.datetime
    recorded_at: dt.datetime
    state: bytes
    document: bytes | None


class WriterChange(msgspec.Struct, frozen=True, kw_only=True):
    """A writer's clock as it shall be, if it still stands at `expected` (None: the writer is new)."""

    writer: str
    expected: dt.datetime | None
    clock: dt.datetime


class AppendUnit(msgspec.Struct, frozen=True, kw_only=True):
    """Events that are appended together or not at all, with every head and writer clock they were decided on."""

    events: tuple[NewEvent, ...]
    heads: tuple[HeadChange, ...]
    writers: tuple[WriterChange, ...]


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an append: units by index in the call; the winners' events follow `first_position` in order."""

    lane: int
    first_position: int
    moved: frozenset[int]


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a search wants; None means any. Times are half open, of `recorded_at`."""

    tenants: frozenset[str] | None = None
    stream: str | None = None
    type_prefix: str | None = None
    writer: str | None = None
    actor: str | None = None
    outcome: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
