"""Time as the resolver counts it: whole microseconds since 1970-01-01T00:00:00Z."""

import datetime as dt
import functools

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_EPOCH_WITHOUT_ZONE = EPOCH.replace(tzinfo=None)


def to_micros(moment: dt.datetime) -> int:
    """Microseconds since the epoch of an aware time."""
    return (moment - EPOCH) // _MICROSECOND


@functools.lru_cache(maxsize=4096)
def from_micros(micros: int) -> dt.datetime:
    """The aware UTC time of microseconds since the epoch. Raises OverflowError outside years 1 to 9999."""
    return EPOCH + dt.timedelta(0, 0, micros)


def to_rfc3339(micros: int) -> str:
    """`2024-01-15T14:30:00.000000Z`: how every answer writes a time. Raises OverflowError outside years 1 to 9999."""
    moment = _EPOCH_WITHOUT_ZONE + dt.timedelta(0, 0, micros)
    return f"{moment.isoformat('T', 'microseconds')}Z"
