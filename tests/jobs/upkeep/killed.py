"""A process that runs one job and is killed by SIGKILL at a call of the object store.

`python -m tests.jobs.upkeep.killed JOB METHOD CALLS NOW`, with the settings of a worker in the environment.
"""

import asyncio
import datetime as dt
import os
import signal
import sys
from typing import Any

from jobs.catalogue import JOBS
from jobs.claims import claim
from jobs.services import JobServices, jobs_pool
from jobs.wrapper import execute, run_of
from techdengue.settings import read_settings
from techdengue.storage import Storage, address_of, open_storage


class Deadly:
    """The object store, until a method has been asked for so often: then the process is gone."""

    def __init__(self, storage: Storage, name: str, calls: int) -> None:
        self._storage = storage
        self._name = name
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            self._calls -= 1
            if self._calls < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return getattr(self._storage, name)


async def run(name: str, method: str, calls: int, now: dt.datetime) -> None:
    """Claim the one run that is queued, and work on it to its end or ours."""
    settings, job = read_settings(), JOBS[name]
    address = address_of(settings)
    assert address is not None
    async with jobs_pool(settings.database_url, 4) as pool, open_storage(address, attempt_seconds=30.0) as storage:
        deadly: Any = Deadly(storage, method, calls)
        services = JobServices(pool=pool, settings=settings, storage=deadly, clock=lambda: now)
        [claimed] = await claim(pool, job.queue, [name], 1, "the killed one")
        await execute(claimed, job, run_of(claimed, services, "the killed one"))


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), dt.datetime.fromisoformat(sys.argv[4])))
