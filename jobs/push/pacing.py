"""How fast messages go: a token bucket of the project's quota, and a pause that FCM asked for. Pure: time is handed in.

The bucket holds a second's worth, as FCM asks for an even flow; each process has its own.
"""

from typing import Final

_BURST_SECONDS: Final = 1.0


class Pacing:
    """Places in the flow, as monotonic seconds. The generic cell rate algorithm: one number is the bucket."""

    def __init__(self, per_minute: int) -> None:
        self._interval = 60.0 / per_minute
        self._burst = max(0.0, _BURST_SECONDS - self._interval)
        self._next = 0.0
        self._paused_until = 0.0

    def place(self, now: float) -> float:
        """When the next message may go, at the earliest: `now` or later. Takes nothing."""
        return max(now, self._next - self._burst, self._paused_until)

    def take(self, now: float) -> float:
        """Take the next place; answers when it is."""
        place = self.place(now)
        self._next = max(self._next, place) + self._interval
        return place

    def paused(self, now: float) -> bool:
        """Whether FCM asked for a pause that is not over."""
        return now < self._paused_until

    def pause(self, until: float) -> None:
        """Nothing goes before `until`: FCM said that it is too much."""
        self._paused_until = max(self._paused_until, until)
