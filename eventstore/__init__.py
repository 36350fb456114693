"""An event store on PostgreSQL, and its twin in memory: compare-and-set heads, gapless positions, idempotency keys."""

from .errors import CheckpointMoved, EventStoreError, GapInLog, InvalidAppend
from .following import assert_gapless, follow
from .memory import MemoryEventStore
from .model import (
    Appended,
    AppendUnit,
    EventFilter,
    Head,
    HeadChange,
    NewEvent,
    RecordedEvent,
    StreamEvent,
    WriterChange,
)
from .postgres import DATABASE_AWAY, PostgresEventStore
from .store import EventStore
from .stream_rows import StreamRow, stream_event
from .times import write_times_quickly
from .units import append_rows

__all__ = [
    "DATABASE_AWAY",
    "AppendUnit",
    "Appended",
    "CheckpointMoved",
    "EventFilter",
    "EventStore",
    "EventStoreError",
    "GapInLog",
    "Head",
    "HeadChange",
    "InvalidAppend",
    "MemoryEventStore",
    "NewEvent",
    "PostgresEventStore",
    "RecordedEvent",
    "StreamEvent",
    "StreamRow",
    "WriterChange",
    "append_rows",
    "assert_gapless",
    "follow",
    "stream_event",
    "write_times_quickly",
]
