"""Upkeep: files of deleted evidence, a thousand and ten thousand at once, and the metrics of two hours.

Each run goes through the jobs' own wrapper, on a real PostgreSQL and a real S3 server. The figures to beat are those of
the first version of this system: 45 s for a thousand files, 800 ms for the metrics.
"""

import asyncio
import contextlib
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from jobs import JobServices, NoArguments, Origin, enqueue
from jobs.claims import claim
from jobs.model import AnyJob, Status
from jobs.services import jobs_pool
from jobs.upkeep.aggregate_sync_metrics import AGGREGATE_SYNC_METRICS, Since
from jobs.upkeep.cleanup_old_s3_files import CLEANUP_OLD_S3_FILES
from jobs.wrapper import execute, run_of
from techdengue import telemetry
from techdengue.dev.seaweedfs import EmbeddedSeaweed
from techdengue.settings import Settings
from techdengue.storage import Storage, open_storage
from tests.storage.conftest import address_at

from .measure import Named, Options, Row, Target, tell
from .stage import Stage
from .statements import SQL

_FEW, _MANY = 1_000, 10_000
_EVENTS = 100_000
_SECONDS, _METRICS_MS = 45.0, 800.0
_PUTS_AT_ONCE = 64
_WORKER = "the benchmark"


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    telemetry.configure(log_format="json", log_level="error")
    bare: dict[int, list[float]] = {_FEW: [], _MANY: []}
    cleaned: dict[int, list[float]] = {_FEW: [], _MANY: []}
    first, again = [], []
    async with _storing() as storage:
        for number in range(options.rounds):
            tell(f"upkeep: round {number + 1} of {options.rounds}")
            for files in (_FEW, _MANY):
                bare[files].append(await _delete_bare(storage, files))
                cleaned[files].append(await _clean(stage, storage, files))
            metrics = await _count(stage)
            first.append(metrics[0])
            again.append(metrics[1])
    seconds, milliseconds = (
        Target(limit=_SECONDS, at_most=True, of="median"),
        Target(limit=_METRICS_MS, at_most=True, of="median"),
    )
    return [
        _row("DeleteObjects alone, 1,000 files", "s", bare[_FEW]),
        _row("cleanup_old_s3_files, 1,000 files", "s", cleaned[_FEW], bare[_FEW], seconds),
        _row("DeleteObjects alone, 10,000 files", "s", bare[_MANY]),
        _row("cleanup_old_s3_files, 10,000 files", "s", cleaned[_MANY], bare[_MANY], seconds),
        _row("aggregate_sync_metrics, 100,000 events of 2 hours", "ms", first, (), milliseconds),
        _row("… again, with nothing new", "ms", again, (), milliseconds),
    ]


def _row(
    contestant: str, unit: str, values: Sequence[float], references: Sequence[float] = (), target: Target | None = None
) -> Row:
    return Row(
        measure="upkeep",
        contestant=contestant,
        unit=unit,
        values=tuple(values),
        references=tuple(references),
        target=target,
    )


@contextlib.asynccontextmanager
async def _storing() -> AsyncIterator[Storage]:
    with tempfile.TemporaryDirectory(prefix="techdengue-upkeep-") as directory:
        server = EmbeddedSeaweed(Path(directory) / "s3")
        await server.start()
        try:
            async with open_storage(address_at(server.address), attempt_seconds=30.0) as storage:
                yield storage
        finally:
            await server.stop()


async def _put(storage: Storage, keys: Sequence[str]) -> None:
    left = iter(keys)

    async def put() -> None:
        for key in left:
            await storage.put(key, b"jpeg", content_type="image/jpeg")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_PUTS_AT_ONCE):
            tasks.create_task(put())


async def _delete_bare(storage: Storage, files: int) -> float:
    """Seconds that the store takes for the same objects, a thousand at a time."""
    prefix = f"bare/{uuid.uuid4().hex}/"
    keys = [f"{prefix}{number:05}" for number in range(files)]
    await _put(storage, keys)
    started = time.perf_counter()
    if await storage.delete_many(keys):
        raise RuntimeError("the store kept files")
    return time.perf_counter() - started


async def _clean(stage: Stage, storage: Storage, files: int) -> float:
    """Seconds of a run with so many files to delete; that all of them are gone is looked at afterwards."""
    database = await stage.database()
    prefix = f"files/{uuid.uuid4().hex}/"
    ids = [f"{number:05}" for number in range(files)]
    try:
        async with stage.owner(database) as owner:
            await owner.execute(SQL["delete_evidence"], ids, prefix)
        await stage.settle(database)
        await _put(storage, [prefix + each for each in ids])
        async with jobs_pool(database.server_url, 4) as pool:
            seconds = await _run(pool, CLEANUP_OLD_S3_FILES, NoArguments(), storage)
        if [key async for key in storage.keys(prefix)]:
            raise RuntimeError("files were left")
        return seconds
    finally:
        await stage.drop(database)


async def _count(stage: Stage) -> tuple[float, float]:
    """Milliseconds of a run that counts two hours, and of one that finds nothing new."""
    database = await stage.database()
    try:
        async with stage.owner(database) as owner:
            await owner.execute(SQL["grow_hours"], _EVENTS)
        await stage.settle(database)
        async with jobs_pool(database.server_url, 4) as pool:
            first = await _run(pool, AGGREGATE_SYNC_METRICS, Since(), None)
            return first * 1e3, await _run(pool, AGGREGATE_SYNC_METRICS, Since(), None) * 1e3
    finally:
        await stage.drop(database)


async def _run(pool: "asyncpg.Pool[Any]", job: AnyJob, arguments: msgspec.Struct, storage: Storage | None) -> float:
    """Seconds of one run, through the wrapper, its ending recorded."""
    services = JobServices(pool=pool, settings=Settings(database_url="postgresql://nowhere"), storage=storage)
    async with pool.acquire() as connection, connection.transaction():
        await enqueue(connection, job, arguments, key=None, origin=Origin.REQUEST)
    [claimed] = await claim(pool, job.queue, [job.name], 1, _WORKER)
    started = time.perf_counter()
    ending = await execute(claimed, job, run_of(claimed, services, _WORKER))
    seconds = time.perf_counter() - started
    if ending.status is not Status.SUCCEEDED:
        raise RuntimeError(f"{job.name}: {ending.error}")
    return seconds


UPKEEP = Named("upkeep", lambda options: options.rounds * 90, _measure)
