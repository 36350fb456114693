"""An event store on PostgreSQL, and its twin in memory: compare-and-set heads, gapless positions, idempotency keys."""

from .errors import CheckpointMoved, EventStoreError, GapInLog
from .model import (
    Appended,
    AppendUnit,
    EventFilter,
    Head,
    HeadChange,
    NewEvent,
    RecordedEvent,
    WriterChange,
)

__all__ = [
    "AppendUnit",
    "Appended",
    "CheckpointMoved",
    "EventFilter",
    "EventStoreError",
    "GapInLog",
    "Head",
    "HeadChange",
    "NewEvent",
    "RecordedEvent",
    "WriterChange",
]
