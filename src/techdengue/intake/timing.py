"""Effective times within a group (resolution.md, "Effective time")."""

from techdengue.resolver import ClockReading, State, effective_time

from .working import Working

_SKEWED = ("clock_skew",)


def time_of(
    *, client_time: int, received_at: int, sent_at: int | None, request_received_at: int, device: str,
    base: State | None, working: Working,
) -> tuple[int, tuple[str, ...]]:  # fmt: skip
    """The effective time of an operation, µs, and its warnings.

    `received_at` is the event's, never before the stream's last; `request_received_at` the request's own.
    """
    reading = ClockReading(
        client_time=client_time,
        received_at=received_at,
        offset=None if sent_at is None else request_received_at - sent_at,
        device_clock=working.clock(device),
        base_clock=None if base is None else base.clock,
    )
    time, skewed = effective_time(reading)
    return time, _SKEWED if skewed else ()
