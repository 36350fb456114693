"""How much waits, measured now and then in the table: the numbers behind the alerts."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from eventstore import DATABASE_AWAY
from techdengue import telemetry

from .model import Queue
from .services import JobServices
from .statements import DEPTHS, OUTBOX

EVERY_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)


class Gauges:
    """Sets the gauges of these queues, and those of the outbox."""

    def __init__(self, queues: Sequence[Queue], services: JobServices) -> None:
        self._queues = queues
        self._services = services

    async def run(self) -> None:
        """Measure for ever."""
        while True:
            try:
                await self.measure()
            except (*DATABASE_AWAY, TimeoutError) as error:
                log.warning("queues_not_measured", error=type(error).__name__)
            await asyncio.sleep(EVERY_SECONDS)

    async def measure(self) -> None:
        """Read the table once."""
        for row in await self._services.pool.fetch(DEPTHS, [queue.value for queue in self._queues]):
            for state in ("due", "waiting", "running", "failed"):
                telemetry.JOB_QUEUE_DEPTH.labels(row["queue"], state).set(row[state])
            telemetry.JOB_QUEUE_OLDEST.labels(row["queue"]).set(row["oldest_seconds"])
        outbox = await self._services.pool.fetchrow(OUTBOX)
        telemetry.OUTBOX_PENDING.set(outbox["pending"])
        telemetry.OUTBOX_OLDEST.set(outbox["oldest_seconds"])
