"""What a scan of all streams reads of each event: a row that most readers take apart, and few make a struct of.

Times are whole microseconds since 1970-01-01T00:00:00Z: the driver takes longer for two datetimes than for all else.
"""

import datetime as dt
from typing import Final

from .model import RecordedEvent, StreamEvent

StreamRow = tuple[str, str, int, int, int, int, str, str, str, int, int, int, bytes, bytes]
"""The fields of a StreamEvent in their order, its times as microseconds."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def stream_row(event: RecordedEvent) -> StreamRow:
    """The row of an event."""
    return (
        event.tenant,
        event.stream,
        event.sequence,
        event.version,
        event.lane,
        event.position,
        event.writer,
        event.key,
        event.outcome,
        event.rule_set,
        (event.occurred_at - _EPOCH) // _MICROSECOND,
        (event.recorded_at - _EPOCH) // _MICROSECOND,
        event.payload,
        event.metadata,
    )


def stream_event(row: StreamRow) -> StreamEvent:
    """The event of a row."""
    return StreamEvent(*row[:10], _moment(row[10]), _moment(row[11]), *row[12:])


def _moment(micros: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(0, 0, micros)
