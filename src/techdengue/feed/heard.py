"""Which positions of the log this process has heard of, and up to which one without a gap."""

from typing import Final

_MOST_RANGES: Final = 1024


class Heard:
    """Positions are 1, 2, 3, …: whatever is missing below the log's tail was committed without our hearing of it."""

    def __init__(self) -> None:
        self.through = 0
        """Every position up to here is known of."""
        self._ahead: dict[int, int] = {}

    def add(self, first: int, last: int) -> None:
        """A commit wrote these positions."""
        if len(self._ahead) >= _MOST_RANGES:
            self._ahead.clear()  # then they count as missed, and the next look at the tail wakes everybody
        self._ahead[first] = last
        self._join()

    def catch_up(self, tail: int) -> None:
        """Everything up to `tail` is known of now; a tail that was passed before is that of an older backup."""
        if tail < self.through:
            self._ahead.clear()  # heard of another history's positions
        self.through = tail
        self._ahead = {first: last for first, last in self._ahead.items() if last > tail}
        self._join()

    def _join(self) -> None:
        while (last := self._ahead.pop(self.through + 1, None)) is not None:
            self.through = last
