"""A device's clock that is off, and at times jumps."""

import datetime as dt
import random

from techdengue.client.clock import Clock


class WrongClock:
    """The true time plus an offset. Most clocks are nearly right, some are off by minutes, a few by days."""

    def __init__(self, true: Clock, rng: random.Random) -> None:
        self._true = true
        self._rng = rng
        self.offset = dt.timedelta(seconds=_offset(rng))

    def now(self) -> dt.datetime:
        """What the device believes."""
        return self._true.now() + self.offset

    def maybe_jump(self, likelihood: float = 0.04) -> bool:
        """Now and then somebody sets the clock, or the battery was flat."""
        if self._rng.random() >= likelihood:
            return False
        self.offset = dt.timedelta(seconds=_offset(self._rng))
        return True


def _offset(rng: random.Random) -> float:
    kind = rng.random()
    if kind < 0.5:
        return rng.uniform(-0.5, 0.5)
    if kind < 0.8:
        return rng.uniform(-600, 600)
    return rng.uniform(-3 * 86_400, 3 * 86_400)
