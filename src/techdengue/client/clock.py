"""The device's wall clock. It is an argument, because devices' clocks are wrong and tests must make them so."""

import datetime as dt
from typing import Protocol

from techdengue.domain.times import to_micros, to_rfc3339


class Clock(Protocol):
    """Tells what the device believes the time to be."""

    def now(self) -> dt.datetime:
        """An aware time."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> dt.datetime:
        """The machine's time, UTC."""
        return dt.datetime.now(dt.UTC)


def timestamp(clock: Clock) -> str:
    """The device's time as the wire writes it (RFC 3339, UTC, microseconds)."""
    return to_rfc3339(to_micros(clock.now()))
