"""Pushing the queue to its end, pulling the changes to theirs, and following both, through failures."""

import math
import sqlite3
from collections.abc import Callable

from .carriers import opener
from .channel import Carrier, Listen
from .clock import Clock
from .copies import Copies
from .download import Download, Keeps
from .errors import Unacceptable
from .link import Link
from .model import Delay, PullReport, PushReport
from .observer import Observer
from .outbox import Outbox
from .queue import Queue
from .retry import Patience, RetryState, Sleep, to_wait
from .upload import Upload


class Exchange:
    """One device's traffic. Every answer is taken in one transaction: a kill at any point loses and doubles nothing."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        link: Link,
        clock: Clock,
        retry: RetryState,
        batch_size: Callable[[], int],
        *,
        carrier: Carrier,
        observer: Observer,
        keeps: Keeps,
    ) -> None:
        self._connection = connection
        self._retry = retry
        self._batch_size = batch_size
        self._observer = observer
        self._open = opener(carrier, link, clock)
        self._queue = Queue(connection)
        self._copies = Copies(connection)
        self._download = Download(connection, link, self._copies, retry, observer, keeps)
        self._following: Upload | None = None

    def recorded(self) -> None:
        """There is something new in the queue."""
        if self._following is not None:
            self._following.wake()

    async def push(self, patience: Patience) -> PushReport:
        """Send what waits, oldest first, until nothing does or patience ends. Raises LinkError if waiting is vain."""
        outbox, upload = self._upload()
        remaining = await upload.push(self._open, patience)
        delay = None
        if remaining is not None:
            delay = Delay(upload.problem or "an earlier attempt failed", to_wait(remaining))
        return outbox.report(upload.pieces, delay)

    async def pull(self, patience: Patience, limit: int) -> PullReport:
        """Read changes from the cursor to their end. Raises LinkError if waiting is vain."""
        return await self._download.pull(patience, limit)

    async def follow(self, sleep: Sleep, limit: int) -> None:
        """Send what is recorded and take what others change, as it happens, until cancelled. Raises LinkError."""
        patience = Patience(math.inf, sleep)
        _, upload = self._upload()
        self._following = upload
        try:
            while True:
                await self._follow(upload, patience, limit)
        finally:
            self._following = None

    async def _follow(self, upload: Upload, patience: Patience, limit: int) -> None:
        """One connection. A full download is a matter of requests: a page that was lost is asked for again."""
        if self._download.cursor is None:
            await upload.push(self._open, patience)
            await self._download.pull(patience, limit)
        await patience.wait(self._retry.remaining())
        try:
            await upload.attempt(self._open, Listen(cursor=self._download.cursor or "", limit=limit), patience)
        except Unacceptable as error:
            self._download.start_anew(error)

    def _upload(self) -> tuple[Outbox, Upload]:
        outbox = Outbox(self._connection, self._queue, self._copies, lambda: self._download.number)
        return outbox, Upload(outbox, self._retry, self._batch_size, self._observer, self._download.take)
