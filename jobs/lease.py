"""Keeps what a worker has its own: renews its runs' leases, hears of cancelling, and says that the worker lives."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from importlib import metadata
from typing import Final

import structlog

from eventstore import DATABASE_AWAY
from techdengue import telemetry

from .errors import Cancelled, LeaseLost
from .executor import Executor
from .run import Run
from .services import JobServices
from .statements import BEAT, FORGET_WORKER, RENEW

BEATS_A_LEASE: Final = 6

log = structlog.get_logger(__name__)


class LeaseKeeper:
    """One for a worker process. A run that cannot be renewed for a lease is ended: another worker may have it."""

    def __init__(
        self, executors: Sequence[Executor], services: JobServices, *, worker: str, lease_seconds: float
    ) -> None:
        self._executors = executors
        self._services = services
        self._worker = worker
        self._lease_seconds = lease_seconds
        self._renewed = time.monotonic()

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            await self.beat()
            await asyncio.sleep(self._lease_seconds / BEATS_A_LEASE)

    async def beat(self) -> None:
        """Renew every run, and end those that are lost or were asked to be cancelled."""
        runs = {str(run.run_id): (executor, run) for executor in self._executors for run in executor.running}
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._lease_seconds / 2):
                rows = await self._services.pool.fetch(RENEW, list(runs), self._worker)
                await self._say_alive(len(runs))
        except (*DATABASE_AWAY, TimeoutError) as error:
            log.warning("leases_not_renewed", error=type(error).__name__, runs=len(runs))
            if time.monotonic() - self._renewed > self._lease_seconds:
                self._lose(runs.values())
            return
        self._renewed = began
        renewed = {str(row["run_id"]): row["cancel_requested"] for row in rows}
        self._lose(held for run_id, held in runs.items() if run_id not in renewed)
        for run_id, cancel_requested in renewed.items():
            if cancel_requested:
                executor, run = runs[run_id]
                executor.end(run, Cancelled("as asked"))

    async def forget(self) -> None:
        """The worker ends, and says so."""
        try:
            await self._services.pool.execute(FORGET_WORKER, self._worker)
        except (*DATABASE_AWAY, TimeoutError) as error:
            log.warning("worker_not_forgotten", error=type(error).__name__)

    async def _say_alive(self, running: int) -> None:
        queues = [executor.queue.value for executor in self._executors]
        await self._services.pool.execute(BEAT, self._worker, queues, metadata.version("techdengue"), running)
        telemetry.WORKER_HEARTBEAT.labels(self._worker).set(time.time())

    def _lose(self, held: Iterable[tuple[Executor, Run]]) -> None:
        for executor, run in held:
            executor.end(run, LeaseLost("it was not renewed in time"))
