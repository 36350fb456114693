"""A worker of notifications: `python -m tests.push.worker SECONDS`, after which others send what it claimed."""

import asyncio
import datetime as dt
import signal
import sys

import uvloop

from jobs import Queue
from jobs.push import deliveries
from jobs.worker import run_worker
from techdengue import telemetry
from techdengue.settings import read_settings


async def _work() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run_worker(read_settings(), [Queue.NOTIFICATIONS], stop, ready=_tell)


def _tell(port: int) -> None:
    sys.stdout.write(f"port {port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    deliveries.CLAIMED_FOR = dt.timedelta(seconds=float(sys.argv[1]))  # type: ignore[misc]  # a test waits less long
    telemetry.configure(log_format="json", log_level="info")
    uvloop.run(_work())
