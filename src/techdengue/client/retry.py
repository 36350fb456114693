"""When to try again: exponential back-off with full jitter, remembered across restarts.

Full jitter (a uniform draw between nothing and the bound) spreads ten thousand devices that come back at once.
"""

import datetime as dt
import random
from collections.abc import Awaitable, Callable

from techdengue.domain.times import to_micros

from .clock import Clock
from .errors import Unreachable
from .memory import Memory

Sleep = Callable[[float], Awaitable[None]]

FIRST_BOUND = 1.0
"""Seconds: the most that the first retry waits."""
HIGHEST_BOUND = 300.0
"""Seconds: the most that any retry waits by itself."""


def backoff(attempts: int, rng: random.Random, *, retry_after: float | None = None) -> float:
    """Seconds to wait after so many failed attempts in a row (from 1), never less than the server asked for."""
    bound = min(HIGHEST_BOUND, FIRST_BOUND * 2.0 ** min(attempts - 1, 16))
    return (retry_after or 0.0) + rng.uniform(0.0, bound)


class RetryState:
    """How often the server was out of reach, and until when the device waits. Survives a restart."""

    def __init__(self, memory: Memory, clock: Clock, rng: random.Random, *, name: str = "") -> None:
        """`name` keeps it apart from another one of the same device."""
        self._attempts, self._retry = f"{name}attempts", f"{name}retry"
        self._memory = memory
        self._clock = clock
        self._rng = rng

    @property
    def attempts(self) -> int:
        """Failed attempts since the last success."""
        return int(self._memory.recall(self._attempts) or 0)

    def remaining(self) -> float:
        """Seconds until the next attempt is due; 0 where it is.

        A wait longer than was ever decided means that the clock was set back: the attempt is due then.
        """
        decided, until = self._decided()
        left = (until - to_micros(self._clock.now())) / 1e6
        return left if 0.0 < left <= decided + 0.001 else 0.0

    def failed(self, error: Unreachable) -> float:
        """Note a failed attempt; answers the seconds to wait."""
        attempts = self.attempts + 1
        wait = backoff(attempts, self._rng, retry_after=error.retry_after)
        until = to_micros(self._clock.now()) + int(wait * 1e6)
        self._memory.remember(self._attempts, str(attempts))
        self._memory.remember(self._retry, f"{wait} {until}")
        return wait

    def succeeded(self) -> None:
        """Note that the server answered."""
        if self.attempts:
            self._memory.forget(self._attempts)
            self._memory.forget(self._retry)

    def _decided(self) -> tuple[float, int]:
        stored = self._memory.recall(self._retry)
        if stored is None:
            return 0.0, 0
        wait, until = stored.split()
        return float(wait), int(until)


class Patience:
    """How many seconds a call may spend on waiting. Counts what was slept: a device's clock may jump."""

    def __init__(self, seconds: float, sleep: Sleep) -> None:
        self._left = seconds
        self._sleep = sleep

    async def wait(self, seconds: float) -> bool:
        """Sleep so long, if that is still allowed; else answer False at once."""
        if seconds <= 0:
            return True
        if seconds > self._left:
            return False
        self._left -= seconds
        await self._sleep(seconds)
        return True


def to_wait(seconds: float) -> dt.timedelta:
    """The wait as a duration."""
    return dt.timedelta(seconds=seconds)
