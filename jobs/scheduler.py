"""Queues the runs that are due by the schedule: once each, however many schedulers there are."""

import asyncio
import datetime as dt
import random
from collections.abc import Mapping
from typing import Any, Final

import structlog

from eventstore import DATABASE_AWAY

from .dispatch import Dispatcher
from .enqueue import new_run_id
from .model import AnyJob, Origin
from .schedule import Scheduled, following, latest
from .services import JobServices
from .statements import KNOW_SCHEDULE, QUEUE_SCHEDULED

LONGEST_SLEEP_SECONDS: Final = 30.0
_CAUGHT_UP_AFTER: Final = dt.timedelta(minutes=2)
"""A run that is queued so much later than it was due is called caught up."""

log = structlog.get_logger(__name__)


class Scheduler:
    """For the scheduled ones of these jobs: those of the queues that its worker serves."""

    def __init__(
        self,
        jobs: Mapping[str, AnyJob],
        schedule: Mapping[str, Scheduled],
        services: JobServices,
        dispatcher: Dispatcher,
    ) -> None:
        self._jobs = {name: jobs[name] for name in schedule if name in jobs}
        self._schedule = schedule
        self._services = services
        self._dispatcher = dispatcher

    async def run(self) -> None:
        """Queue what is due, for ever."""
        while True:
            seconds = LONGEST_SLEEP_SECONDS
            try:
                seconds = min(seconds, await self.tick())
            except (*DATABASE_AWAY, TimeoutError) as error:
                log.warning("schedule_not_read", error=type(error).__name__)
                seconds /= 10
            await asyncio.sleep(seconds)

    async def tick(self) -> float:
        """Queue what is due now by the database's clock; answer in how many seconds the next one is.

        A job that nobody has scheduled before is due for the first time after now.
        """
        wait = LONGEST_SLEEP_SECONDS
        rows = await self._services.pool.fetch(KNOW_SCHEDULE, list(self._jobs))
        for row in rows:
            times = self._schedule[row["job"]].times
            due = latest(times, row["now"])
            if due > max(row["known_since"], row["last_due_at"] or row["known_since"]):
                await self._queue(self._jobs[row["job"]], due, row["now"])
            wait = min(wait, (following(times, row["now"]) - row["now"]).total_seconds())
        return max(0.0, wait)

    async def _queue(self, job: AnyJob, due: dt.datetime, now: dt.datetime) -> None:
        origin = Origin.CATCH_UP if now - due > _CAUGHT_UP_AFTER else Origin.SCHEDULE
        spread: Any = self._schedule[job.name].spread * random.random()  # noqa: S311 - spreads load, no secret
        queued = await self._services.pool.fetchval(
            QUEUE_SCHEDULED,
            new_run_id(),
            job.name,
            job.queue.value,
            due.isoformat(),
            origin.value,
            job.retry.attempts,
            due,
            spread,
        )
        if queued is not None:
            log.info("job_scheduled", job=job.name, run_id=str(queued), due_at=due.isoformat(), origin=origin.value)
            self._dispatcher.hint([job.queue])
