"""When a message that did not get through is tried again. Pure: the chance is an argument."""

import datetime as dt
from typing import Final

from .model import Outcome

LEAST: Final = dt.timedelta(seconds=1)
LEAST_OF_QUOTA: Final = dt.timedelta(seconds=60)
LONGEST: Final = dt.timedelta(minutes=15)
"""Of our own backing off; what `Retry-After` asks for is waited in full, up to `answers.LONGEST_ASKED`."""
_DOUBLINGS: Final = 20


def pause(outcome: Outcome, *, attempt: int, asked: dt.timedelta | None, chance: float) -> dt.timedelta:
    """How long to wait after attempt 1, 2, …: never less than `Retry-After` asks for, twice as long each time.

    `chance` of [0, 1) adds up to half: those who failed together do not come back together.
    """
    least = LEAST_OF_QUOTA if outcome is Outcome.QUOTA else LEAST
    doubled: int = 2 ** min(attempt - 1, _DOUBLINGS)
    grown = min(least * doubled, LONGEST)
    return max(grown, asked or grown) + grown * (chance / 2)
