"""A worker's process that makes one report again and again: `python -m tests.bench.report_maker TIMES`.

Its settings are in the environment. Prints one line of JSON: seconds of each, by the clock and of processor time, and
the most memory that it had, in MiB.
"""

import asyncio
import resource
import sys
import time

import msgspec

from jobs.claims import claim
from jobs.reports.auto_generate_evd01 import AUTO_GENERATE_EVD01
from jobs.reports.ordering import Order, order
from jobs.reports.sheet import Paper
from jobs.services import opened, utc_now
from jobs.wrapper import execute, run_of
from techdengue import telemetry
from techdengue.settings import read_settings


class Made(msgspec.Struct, frozen=True):
    """What the process tells."""

    seconds: list[float]
    processor: list[float]
    most_mib: float


async def _make(municipio: str, atividade_id: str, times: int) -> Made:
    seconds, processor = [], []
    wanted = Order(municipio=municipio, requested_by="bench", paper=Paper(), atividade_id=atividade_id)
    async with opened(read_settings(), 4) as services:
        for _ in range(times):
            async with services.pool.acquire() as connection:
                await order(connection, wanted, utc_now())
            [claimed] = await claim(services.pool, AUTO_GENERATE_EVD01.queue, [AUTO_GENERATE_EVD01.name], 1, "bench")
            started, began = time.perf_counter(), time.process_time()
            ending = await execute(claimed, AUTO_GENERATE_EVD01, run_of(claimed, services, "bench"))
            seconds.append(time.perf_counter() - started)
            processor.append(time.process_time() - began)
            if ending.outcome != "succeeded":
                raise RuntimeError(f"the report was not made: {ending.error}")
    return Made(seconds, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    telemetry.configure(log_format="json", log_level="error")
    municipio, atividade_id, times = sys.argv[1:]
    made = asyncio.run(_make(municipio, atividade_id, int(times)))
    sys.stdout.write(msgspec.json.encode(made).decode())
