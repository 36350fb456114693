"""One attempt of a run, as its handler sees it."""

import datetime as dt
import time
import uuid
from typing import Final

import msgspec

from .errors import Cancelled, JobError, LeaseLost
from .services import JobServices
from .statements import PROGRESS

_WRITTEN_EVERY_SECONDS: Final = 1.0


class Run:
    """What a handler is given: which run it is, what it works with, and whom to tell how far it is."""

    def __init__(
        self,
        *,
        run_id: uuid.UUID,
        attempt: int,
        due_at: dt.datetime,
        requested_by: str | None,
        municipio: str | None,
        services: JobServices,
        worker: str,
    ) -> None:
        self.run_id = run_id
        self.attempt = attempt
        """1 for the first."""
        self.due_at = due_at
        """When it was to run, UTC: of a scheduled run its time on the schedule, however late it is."""
        self.requested_by = requested_by
        self.municipio = municipio
        self.services = services
        self.worker = worker
        self.ending: JobError | None = None
        """Why it is to end: raised by the next `progress`, and by whatever it waits for."""
        self.at_work = False
        """Whether its handler is running."""
        self._next_write = time.monotonic() + _WRITTEN_EVERY_SECONDS

    async def progress(self, done: int, total: int | None = None, **counts: int) -> None:
        """Say how far it is; written once a second at most. Raises Cancelled, LeaseLost: the handler lets them pass.

        Between two calls a handler leaves what it did complete: it may end here, and begin anew elsewhere.
        """
        if self.ending is not None:
            raise self.ending
        now = time.monotonic()
        if now < self._next_write and (total is None or done < total):
            return
        self._next_write = now + _WRITTEN_EVERY_SECONDS
        written = {"done": done, "total": total, **counts}
        row = await self.services.pool.fetchrow(
            PROGRESS, self.run_id, self.worker, self.attempt, msgspec.json.encode(written).decode()
        )
        if row is None:
            raise LeaseLost("another worker may have it")
        if row["cancel_requested"]:
            raise Cancelled("as asked")
