"""Pushing the queue to its end and pulling the changes to theirs, through failures."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence

import uuid_utils

from techdengue.domain.operation import Outcome

from . import wire
from .clock import Clock, timestamp
from .copies import Copies
from .errors import LinkError, TooLarge, Unacceptable, Unreachable
from .link import Link
from .memory import Memory, transaction
from .model import Copy, Delay, PullReport, PushReport, QueuedOperation
from .queue import Queue
from .retry import Patience, RetryState, to_wait
from .settlement import settle

BatchSize = Callable[[], int]

BATCH_BYTES = 3 * 1024 * 1024
"""Of operations in one request; the server takes 5 MiB unpacked."""
_LONGEST_BATCH = 1000


class Exchange:
    """One device's traffic. Every answer is taken in one transaction: a kill at any point loses and doubles nothing."""

    def __init__(
        self, connection: sqlite3.Connection, link: Link, clock: Clock, retry: RetryState, batch_size: BatchSize
    ) -> None:
        self._connection = connection
        self._link = link
        self._clock = clock
        self._retry = retry
        self._batch_size = batch_size
        self._queue = Queue(connection)
        self._copies = Copies(connection)
        self._memory = Memory(connection)

    async def push(self, patience: Patience) -> PushReport:
        """Send what waits, oldest first, until nothing does or patience ends. Raises LinkError if waiting is vain."""
        tally = _Tally()
        ceiling = _LONGEST_BATCH
        while batch := self._queue.next_batch(min(self._batch_size(), ceiling), BATCH_BYTES):
            if delay := await self._hold_back(patience):
                return self._push_report(tally, delay)
            tally.requests += 1
            try:
                answer = await self._send(batch)
            except (TooLarge, Unacceptable) as error:
                ceiling = max(1, len(batch) // 2)
                if len(batch) == 1:
                    self._give_up(batch[0], error)
                    tally.refused += 1
            except Unreachable as error:
                tally.problem = str(error)
                self._retry.failed(error)
            else:
                ceiling = min(_LONGEST_BATCH, ceiling * 2)
                tally.count(answer)
        return self._push_report(tally, None)

    async def pull(self, patience: Patience, limit: int) -> PullReport:
        """Read changes from the cursor to their end. Raises LinkError if waiting is vain."""
        received = pages = 0
        problem = ""
        while True:
            if delay := await self._hold_back(patience, problem):
                return PullReport(received=received, pages=pages, delay=delay)
            try:
                page = await self._link.read_changes(self._memory.recall("cursor"), limit)
            except Unacceptable as error:
                if error.code != "invalid_cursor" or self._memory.recall("cursor") is None:
                    raise
                self._memory.forget("cursor")
                continue
            except Unreachable as error:
                problem = str(error)
                self._retry.failed(error)
                continue
            self._take(page)
            received, pages = received + len(page.items), pages + 1
            if not page.has_more:
                return PullReport(received=received, pages=pages)

    async def _send(self, batch: Sequence[QueuedOperation]) -> wire.SyncAnswer:
        answer = await self._link.send_operations(
            [operation.body for operation in batch],
            batch_id=str(uuid_utils.uuid7()),
            sent_at=timestamp(self._clock),
        )
        with transaction(self._connection):
            settled = settle(batch, answer, self._queue, self._copies, self._download())
            if settled:
                self._retry.succeeded()
        if not settled and self._queue.is_pending(batch[0].key):
            raise Unreachable("the server's answer names none of the operations that were sent")
        return answer

    def _take(self, page: wire.ChangesPage) -> None:
        """A page and the cursor behind it, in one transaction."""
        with transaction(self._connection):
            if self._memory.recall("cursor") is None:
                self._memory.remember("download", str(self._download() + 1))
                self._memory.remember("downloading", "1")
            for entity in page.items:
                self._hold(entity)
            if page.next_cursor is not None:
                self._memory.remember("cursor", page.next_cursor)
            if not page.has_more and self._memory.recall("downloading"):
                self._copies.drop_outlived(self._download())
                self._memory.forget("downloading")
            self._retry.succeeded()

    def _hold(self, entity: wire.ChangedEntity) -> None:
        download = self._download()
        held = self._copies.find(entity.entity_type, str(entity.entity_id), entity.municipio_cod_ibge)
        if held is not None and held.version > entity.version and held.download == download:
            return
        self._copies.hold(
            Copy(
                entity_type=entity.entity_type,
                entity_id=entity.entity_id,
                municipio=entity.municipio_cod_ibge,
                version=entity.version,
                data=None if entity.deleted else entity.data,
                download=download,
            )
        )

    def _give_up(self, operation: QueuedOperation, error: LinkError) -> None:
        """The server will not even read this one: its user decides."""
        code = "too_large" if isinstance(error, TooLarge) else "unacceptable"
        self._queue.refuse(operation.key, code, str(error), None)

    async def _hold_back(self, patience: Patience, problem: str = "") -> Delay | None:
        remaining = self._retry.remaining()
        if await patience.wait(remaining):
            return None
        return Delay(problem or "an earlier attempt failed", to_wait(remaining))

    def _download(self) -> int:
        return int(self._memory.recall("download") or 0)

    def _push_report(self, tally: "_Tally", delay: Delay | None) -> PushReport:
        if delay is not None and tally.problem:
            delay = Delay(tally.problem, delay.retry_in)
        return PushReport(
            outcomes=dict(tally.outcomes),
            refused=tally.refused,
            repeated=tally.repeated,
            clock_skew=tally.clock_skew,
            left=self._queue.pending_count(),
            requests=tally.requests,
            delay=delay,
        )


class _Tally:
    """What a push counts on its way."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.refused = self.repeated = self.requests = 0
        self.clock_skew = False
        self.problem = ""

    def count(self, answer: wire.SyncAnswer) -> None:
        self.refused += len(answer.errors)
        self.outcomes.update(success.status for success in answer.successes)
        self.outcomes.update(Outcome.CONFLICT.value for _ in answer.conflicts)
        for each in answer.acknowledged:
            self.repeated += each.already_processed
            self.clock_skew |= "clock_skew" in each.warnings
