"""What a worker puts right from time to time: runs of dead workers, jobs that nobody here knows, runs of long ago."""

import asyncio
import datetime as dt
import random
from collections.abc import Collection, Sequence
from typing import Final

import structlog

from eventstore import DATABASE_AWAY

from .dispatch import Dispatcher
from .model import Queue, Status
from .services import JobServices
from .statements import FIND_UNKNOWN, FORGET_RUNS, REQUEUE

SWEEPS_A_LEASE: Final = 3
MOST_FORGOTTEN: Final = 1000
"""In one sweep."""

log = structlog.get_logger(__name__)


class Sweep:
    """Any number of workers may sweep: a run is queued again by one of them."""

    def __init__(
        self,
        queues: Sequence[Queue],
        known: Collection[str],
        services: JobServices,
        dispatcher: Dispatcher,
        *,
        lease_seconds: float,
        keep_days: int,
    ) -> None:
        self._queues = queues
        self._known = known
        self._services = services
        self._dispatcher = dispatcher
        self._lease = dt.timedelta(seconds=lease_seconds)
        self._keep = dt.timedelta(days=keep_days)
        self._told: set[str] = set()

    async def run(self) -> None:
        """Sweep for ever, not all workers at the same moment."""
        every = self._lease.total_seconds() / SWEEPS_A_LEASE
        while True:
            try:
                await self.sweep()
            except (*DATABASE_AWAY, TimeoutError) as error:
                log.warning("not_swept", error=type(error).__name__)
            await asyncio.sleep(every * (0.5 + random.random()))  # noqa: S311 - spreads workers, no secret

    async def sweep(self) -> None:
        """Queue runs again whose lease is over; say once which jobs wait for a newer worker; forget what is old."""
        for row in await self._services.pool.fetch(REQUEUE, self._lease):
            log.warning("worker_lost", run_id=str(row["run_id"]), job=row["job"], status=row["status"])
            if row["status"] == Status.QUEUED.value:
                self._dispatcher.hint((Queue(row["queue"]),))
        queues = [queue.value for queue in self._queues]
        for row in await self._services.pool.fetch(FIND_UNKNOWN, queues, list(self._known)):
            if row["job"] not in self._told:
                self._told.add(row["job"])
                log.warning("job_unknown", job=row["job"], runs=row["runs"])
        if forgotten := await self._services.pool.fetch(FORGET_RUNS, self._keep, MOST_FORGOTTEN):
            log.info("runs_forgotten", runs=len(forgotten))
