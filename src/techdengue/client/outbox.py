"""The device's queue as what is sent: an operation leaves it in the transaction that stores its answer."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence

from . import wire
from .channel import Answered, Outgoing
from .copies import Copies
from .errors import LinkError, TooLarge, Unreachable
from .memory import transaction
from .model import Delay, PushReport, QueuedOperation
from .queue import Queue
from .settlement import settle


class Outbox:
    """A Source. A kill at any point loses and doubles nothing."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        queue: Queue,
        copies: Copies,
        download: Callable[[], int],
    ) -> None:
        self.tally = Tally()
        self._connection = connection
        self._queue = queue
        self._copies = copies
        self._download = download
        self._taken: dict[int, QueuedOperation] = {}
        self._last = 0

    def waiting(self) -> bool:
        """Whether the queue has anything to send."""
        return self._queue.has_pending()

    def take(self, operations: int, size: int) -> Sequence[QueuedOperation]:
        """The next of the queue."""
        batch = self._queue.next_batch(self._last, operations, size)
        if batch:
            self._last = batch[-1].place
            self._taken.update((operation.place, operation) for operation in batch)
        return batch

    def rewind(self) -> None:
        """From the oldest on; a refused operation that was released is in its old place again."""
        self._taken.clear()
        self._last = 0

    def settle(self, answered: Answered) -> None:
        """Store the answer and what it means for the copies. Raises Unreachable for the answer to something else."""
        batch = [self._taken.pop(each.place) for each in answered.operations]
        with transaction(self._connection):
            settled = settle(batch, answered.answer, self._queue, self._copies, self._download())
        if not settled and self._queue.is_pending(batch[0].key):
            raise Unreachable("the server's answer names none of the operations that were sent")
        self.tally.count(answered.answer)

    def give_up(self, operation: Outgoing, error: LinkError) -> None:
        """Its user decides."""
        code = "too_large" if isinstance(error, TooLarge) else "unacceptable"
        self._queue.refuse(self._taken.pop(operation.place).key, code, str(error), None)
        self.tally.refused += 1

    def report(self, requests: int, delay: Delay | None) -> PushReport:
        """What was pushed since the outbox was made."""
        return PushReport(
            outcomes=dict(self.tally.outcomes),
            refused=self.tally.refused,
            repeated=self.tally.repeated,
            clock_skew=self.tally.clock_skew,
            left=self._queue.pending_count(),
            requests=requests,
            delay=delay,
        )


class Tally:
    """What answers said."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.refused = self.repeated = 0
        self.clock_skew = False

    def count(self, answer: wire.SyncAnswer) -> None:
        """Add an answer."""
        self.refused += len(answer.errors)
        self.outcomes.update(answer.outcomes)
        self.repeated += answer.repeated
        self.clock_skew |= any("clock_skew" in each.warnings for each in answer.acknowledged)
