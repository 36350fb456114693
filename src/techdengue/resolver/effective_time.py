"""When an operation happened: the four corrections of resolution.md, "Effective time". All times in µs."""

import msgspec

TOLERANCE = 2_000_000
"""A clock that is off by no more than this is taken at its word."""

EARLIEST = -62_135_596_799_999_999
"""The first µs after 0001-01-01T00:00:00Z: before it no calendar of ours can write a time, and that moment itself is
how a driver of PostgreSQL spells `-infinity`."""


class ClockReading(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one operation's time."""

    client_time: int
    received_at: int
    offset: int | None = None
    """`received_at - sent_at` of the request; None where the device did not say."""
    device_clock: int | None = None
    """The device's previous effective time."""
    base_clock: int | None = None
    """The entity clock at the operation's `base_version`."""


def effective_time(reading: ClockReading) -> tuple[int, bool]:
    """The effective time, and whether the answer warns of `clock_skew`."""
    time = reading.client_time
    skewed = False
    if reading.offset is not None and abs(reading.offset) > TOLERANCE:
        time += reading.offset
        skewed = True
    time = max(time, EARLIEST)
    if time > reading.received_at:
        skewed = skewed or time - reading.received_at > TOLERANCE
        time = reading.received_at
    if reading.device_clock is not None and time <= reading.device_clock:
        time = reading.device_clock + 1
    if reading.base_clock is not None and time <= reading.base_clock:
        time = reading.base_clock + 1
    return time, skewed
