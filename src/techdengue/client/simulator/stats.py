"""What a simulation counted."""

from collections import Counter

import msgspec

from techdengue.client.model import PullReport, PushReport


class SimulationStats(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of the counts. `outcomes` are acknowledged operations by outcome of resolution.md."""

    devices: int
    rounds: int
    made: int
    """Operations that agents made."""
    acknowledged: int
    outcomes: dict[str, int]
    refused: int
    repeated: int
    """Acknowledged although the server had them already: their first answer was lost."""
    pending: int
    """Operations that wait on devices."""
    received: int
    """Entities that pulls brought."""
    lost_requests: int
    lost_answers: int
    clock_jumps: int


class Tally:
    """The counts, while they grow."""

    def __init__(self) -> None:
        self.rounds = self.made = self.refused = self.repeated = self.received = self.clock_jumps = 0
        self.outcomes: Counter[str] = Counter()

    def count_push(self, report: PushReport) -> None:
        """Add what a push did."""
        self.outcomes.update(report.outcomes)
        self.refused += report.refused
        self.repeated += report.repeated

    def count_pull(self, report: PullReport) -> None:
        """Add what a pull brought."""
        self.received += report.received
