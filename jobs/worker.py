"""A worker process: executors of its queues, and beside them what hears, renews, sweeps, schedules and measures."""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

import structlog

from techdengue.settings import Settings

from .catalogue import JOBS
from .dispatch import Dispatcher
from .endpoint import answering
from .executor import Executor
from .gauges import Gauges
from .hearing import hear
from .lease import LeaseKeeper
from .model import AnyJob, Queue
from .schedule import SCHEDULE, Scheduled
from .scheduler import Scheduler
from .services import JobServices, opened
from .sweep import Sweep

_SPARE_CONNECTIONS: Final = 4
_CONNECTIONS_A_SLOT: Final = 2
"""A handler's own, and that of an exclusive job's lock."""

log = structlog.get_logger(__name__)


class BadRedisAddress(Exception):
    """The setting is no address of Redis."""


async def run_worker(
    settings: Settings,
    queues: Sequence[Queue],
    stop: asyncio.Event,
    *,
    jobs: Mapping[str, AnyJob] = JOBS,
    schedule: Mapping[str, Scheduled] = SCHEDULE,
    ready: Callable[[int], None] = lambda _port: None,
) -> None:
    """Work on these queues until `stop` is set, then end within `settings.job_grace_seconds`.

    `ready` is told the port of its metrics. A database or Redis that goes away is waited for. Raises
    BadRedisAddress, PortTaken.
    """
    slots = settings.job_slots * len(queues)
    dispatcher = _dispatcher(settings.redis_url)
    async with (
        opened(settings, slots * _CONNECTIONS_A_SLOT + _SPARE_CONNECTIONS) as services,
        dispatcher.running(),
        answering(services, settings.worker_host, settings.worker_port) as port,
    ):
        ready(port)
        await Worker(settings, queues, services, dispatcher, jobs, schedule).run(stop)


def _dispatcher(redis_url: str) -> Dispatcher:
    try:
        return Dispatcher(redis_url)
    except ValueError as error:
        raise BadRedisAddress("TECHDENGUE_REDIS_URL is no address of Redis") from error


class Worker:
    """Named for its host, process and start, so that no two ever share a name."""

    def __init__(
        self,
        settings: Settings,
        queues: Sequence[Queue],
        services: JobServices,
        dispatcher: Dispatcher,
        jobs: Mapping[str, AnyJob],
        schedule: Mapping[str, Scheduled],
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._settings = settings
        self._executors = [
            Executor(
                queue,
                jobs,
                services,
                dispatcher,
                worker=self.name,
                slots=settings.job_slots,
                poll_seconds=settings.job_poll_seconds,
            )
            for queue in queues
        ]
        lease_seconds = settings.job_lease_seconds
        self._keeper = LeaseKeeper(self._executors, services, worker=self.name, lease_seconds=lease_seconds)
        served = {name: job for name, job in jobs.items() if job.queue in queues}
        self._scheduler = Scheduler(served, schedule, services, dispatcher)
        self._gauges = Gauges(queues, services)
        self._sweep = Sweep(
            queues, list(jobs), services, dispatcher, lease_seconds=lease_seconds, keep_days=settings.job_keep_days
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        log.info("worker_started", worker=self.name, queues=[executor.queue.value for executor in self._executors])
        beside = [asyncio.create_task(work) for work in self._beside()]
        executing = [asyncio.create_task(executor.run()) for executor in self._executors]
        stopping = asyncio.create_task(stop.wait())
        try:
            ended, _ = await asyncio.wait([*beside, *executing, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in ended - {stopping}:
                task.result()
        finally:
            stopping.cancel()
            grace = self._settings.job_grace_seconds
            await asyncio.gather(*(executor.stop(grace) for executor in self._executors))
            for task in [*beside, *executing]:
                task.cancel()
            await asyncio.gather(*beside, *executing, stopping, return_exceptions=True)
            await self._keeper.forget()
            log.info("worker_stopped", worker=self.name)

    def _beside(self) -> list[Coroutine[Any, Any, None]]:
        work: list[Coroutine[Any, Any, None]] = [
            self._keeper.run(),
            self._sweep.run(),
            self._gauges.run(),
            self._scheduler.run(),
        ]
        if self._settings.redis_url:
            work += [
                hear(self._settings.redis_url, executor.queue, self.name, executor.ring, executor.has_room)
                for executor in self._executors
            ]
        return work
