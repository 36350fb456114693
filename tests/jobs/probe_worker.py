"""A worker process with the tests' jobs: `python -m tests.jobs.probe_worker [--without JOB] [--every S] QUEUE...`.

With `--every`, `tidy` is due so often; else it is daily at midnight in Cuiabá.
"""

import argparse
import asyncio
import datetime as dt
import signal
import sys

import uvloop

from jobs import Queue
from jobs.schedule import Daily, Every, Scheduled
from jobs.worker import run_worker
from techdengue import telemetry
from techdengue.settings import read_settings
from tests.jobs.probes import PROBES


async def _work(queues: list[Queue], without: list[str], every: float | None) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    jobs = {name: job for name, job in PROBES.items() if name not in without}
    times = Daily(dt.time(0, 0)) if every is None else Every(dt.timedelta(seconds=every))
    schedule = {"tidy": Scheduled(times=times)}
    await run_worker(read_settings(), queues, stop, jobs=jobs, schedule=schedule, ready=_tell)


def _tell(port: int) -> None:
    sys.stdout.write(f"port {port}\n")
    sys.stdout.flush()


def main() -> None:
    """Work until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--every", type=float)
    parser.add_argument("queues", nargs="+", type=Queue)
    options = parser.parse_args()
    telemetry.configure(log_format="json", log_level="info")
    uvloop.run(_work(options.queues, options.without, options.every))


if __name__ == "__main__":
    main()
