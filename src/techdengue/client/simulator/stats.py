"""What a simulation counted."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from techdengue.client.errors import Unreachable
from techdengue.client.model import QueuedFile
from techdengue.client.observer import Observer
from techdengue.client.wire import ChangesPage, SyncAnswer


class SimulationStats(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of the counts. `outcomes` are acknowledged operations by outcome of resolution.md."""

    transport: str
    devices: int
    rounds: int
    made: int
    """Operations that agents made."""
    acknowledged: int
    outcomes: dict[str, int]
    conflicts: int
    """Of the outcomes: parked for a person."""
    refused: int
    refusals: dict[str, int]
    """Of the refused: by error code and, where there is one, the place in the operation."""
    repeated: int
    """Acknowledged although the server had them already: their first answer was lost."""
    photos: int
    """Files that were uploaded and verified."""
    pending: int
    """Operations that wait on devices."""
    received: int
    """Entities that changes brought."""
    lost_requests: int
    lost_answers: int
    cuts: int
    """Streams and WebSockets that the simulated link broke."""
    reconnects: int
    """Times that a device failed to reach the server and tried again, whatever the reason."""
    problems: dict[str, int]
    """The most frequent of the reasons."""
    clock_jumps: int
    seconds: float
    """How long the devices worked."""
    p50_seconds: float | None
    """Between sending an operation and having stored its answer, the last time it was sent."""
    p99_seconds: float | None


class Tally(Observer):
    """The counts, while they grow."""

    def __init__(self) -> None:
        self.rounds = self.made = self.repeated = self.received = self.clock_jumps = self.photos = 0
        self.problems: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.waits = Histogram()

    def answered(self, answer: SyncAnswer, waited: Sequence[float]) -> None:
        """Add an answer."""
        self.outcomes.update(answer.outcomes)
        self.refusals.update(f"{e.code} at {e.path}" if e.path else e.code for e in answer.errors)
        self.repeated += answer.repeated
        for seconds in waited:
            self.waits.add(seconds)

    def changed(self, page: ChangesPage) -> None:
        """Add a page."""
        self.received += len(page.items)

    def file_verified(self, file: QueuedFile) -> None:
        """Count a photograph."""
        self.photos += 1

    def failed(self, error: Unreachable) -> None:
        """Add a failure."""
        self.problems[str(error)] += 1


class Histogram:
    """Durations in steps of 5 %, from a microsecond: as small for a million as for ten."""

    def __init__(self) -> None:
        self._steps: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count one."""
        self._steps[math.ceil(math.log(max(seconds, _SHORTEST) / _SHORTEST) / _STEP)] += 1

    def percentile(self, share: float) -> float | None:
        """Seconds that this share of all stays below; None where there is none."""
        left = share * self._steps.total()
        for step in sorted(self._steps):
            left -= self._steps[step]
            if left <= 0:
                return _SHORTEST * math.exp(step * _STEP)
        return None


_SHORTEST: Final = 1e-6
_STEP: Final = math.log(1.05)
