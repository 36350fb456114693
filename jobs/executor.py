"""The slots of one queue in a worker: claims due runs while there is room, and has the wrapper run each."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

import structlog

from eventstore import DATABASE_AWAY

from .claims import Claimed, claim
from .dispatch import Dispatcher
from .enqueue import queues_used
from .errors import JobError
from .model import AnyJob, Queue
from .run import Run
from .services import JobServices
from .wrapper import Stopping, execute, run_of

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0

log = structlog.get_logger(__name__)


class Executor:
    """Runs the jobs of one queue, `slots` at a time. It looks when it is rung for, and every `poll_seconds`."""

    def __init__(
        self,
        queue: Queue,
        jobs: Mapping[str, AnyJob],
        services: JobServices,
        dispatcher: Dispatcher,
        *,
        worker: str,
        slots: int,
        poll_seconds: float,
    ) -> None:
        self.queue = queue
        self._jobs = {name: job for name, job in jobs.items() if job.queue is queue}
        self._services = services
        self._dispatcher = dispatcher
        self._worker = worker
        self._slots = slots
        self._poll_seconds = poll_seconds
        self._bell = asyncio.Event()
        self._stopping = False
        self._tasks: dict[asyncio.Task[None], Run] = {}

    @property
    def running(self) -> list[Run]:
        """The runs at work."""
        return list(self._tasks.values())

    def ring(self) -> None:
        """There may be runs: look."""
        self._bell.set()

    def has_room(self) -> bool:
        """Whether a slot is free."""
        return len(self._tasks) < self._slots and not self._stopping

    def end(self, run: Run, reason: JobError) -> None:
        """End a run for this reason: its handler is cancelled where it waits."""
        for task, known in self._tasks.items():
            if known is run and run.ending is None:
                run.ending = reason
                if run.at_work:  # else it is being recorded, which nothing interrupts
                    task.cancel()

    async def run(self) -> None:
        """Claim and run, until `stop`."""
        pause = _FIRST_PAUSE
        while not self._stopping:
            self._bell.clear()
            try:
                await self._fill()
            except (*DATABASE_AWAY, TimeoutError) as error:
                log.warning("runs_not_claimed", queue=self.queue.value, error=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                pause = _FIRST_PAUSE
                await self._wait(self._poll_seconds)

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing more; what has not ended within the grace is handed back."""
        self._stopping = True
        self.ring()
        if self._tasks and grace_seconds > 0:
            await asyncio.wait(list(self._tasks), timeout=grace_seconds)
        for run in self.running:
            self.end(run, Stopping("the worker ends"))
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _fill(self) -> None:
        """Fill the free slots with due runs."""
        room = self._slots - len(self._tasks)
        if room <= 0 or not self._jobs:
            return
        claimed = await claim(self._services.pool, self.queue, self._jobs, room, self._worker)
        for one in claimed:
            self._start(one)
        if len(claimed) == room:
            self._dispatcher.hint((self.queue,))  # this worker is full: others have a look

    def _start(self, claimed: Claimed) -> None:
        run = run_of(claimed, self._services, self._worker)
        task = asyncio.create_task(self._execute(claimed, run), name=f"run {claimed.run_id}")
        self._tasks[task] = run
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self.ring()
        if not task.cancelled() and task.exception() is not None:
            log.error("run_broke", queue=self.queue.value, exc_info=task.exception())

    async def _execute(self, claimed: Claimed, run: Run) -> None:
        with queues_used() as used:
            await execute(claimed, self._jobs[claimed.job], run)
        self._dispatcher.hint(used)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._bell.wait()
