"""Background jobs: how many a worker runs, and how long one that was queued waits for its start."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg

from jobs import Dispatcher, NoArguments, Origin, Queue, enqueue
from jobs.services import jobs_pool
from techdengue.dev.database import Database
from techdengue.dev.valkey import EmbeddedValkey
from tests.jobs.probes import NOTE, prepare
from tests.jobs.working import WorkerProcess

from .measure import Named, Options, Row, Target, percentile, tell
from .stage import Stage

SEED_A_MINUTE: Final = 100.0
"""What the seed claims of one worker."""
_RUNS: Final = 2_000
_ONE_BY_ONE: Final = 50
_LOST: Final = 10
"""Whose hint is lost: each waits for the next look."""
_ROUNDS: Final = 3
_WAIT_SECONDS: Final = 300.0
_TOOK = """
SELECT count(*) / extract(epoch FROM max(finished_at) - min(started_at))::float8 * 60
  FROM jobs.run WHERE key LIKE $1
"""
_WAITED = "SELECT extract(epoch FROM started_at - queued_at)::float8 FROM jobs.run WHERE key LIKE $1"
_LEFT = "SELECT count(*) FROM jobs.run WHERE finished_at IS NULL"


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    del options  # it is the same in every run
    database = await stage.database()
    await prepare(database.owner_url)
    rates: list[float] = []
    hinted: list[list[float]] = []
    found: list[list[float]] = []
    async with stage.owner(database) as owner, jobs_pool(database.server_url, 4) as pool, _redis() as (home, url):
        for number in range(_ROUNDS):
            tell(f"jobs: round {number + 1} of {_ROUNDS}")
            async with _worker(database, url, home / f"worker-{number}.log"):
                rates.append(await _rate(pool, owner, f"rate-{number}-"))
                hinted.append(await _delays(pool, owner, f"hinted-{number}-", Dispatcher(url), _ONE_BY_ONE))
                found.append(await _delays(pool, owner, f"found-{number}-", Dispatcher(""), _LOST))
    await stage.drop(database)
    return [
        Row(
            measure="jobs",
            contestant="one worker of four slots, one insert a run",
            unit="runs/min",
            values=tuple(rates),
            target=Target(limit=SEED_A_MINUTE, of="median"),
        ),
        _row("queued to started, hinted, p50", 0.5, hinted),
        _row("queued to started, hinted, p99", 0.99, hinted),
        _row("queued to started, hint lost, the longest", 1.0, found),
    ]


def _row(contestant: str, share: float, rounds: Sequence[Sequence[float]]) -> Row:
    return Row(
        measure="jobs",
        contestant=contestant,
        unit="ms",
        values=tuple(percentile(delays, share) * 1e3 for delays in rounds),
    )


@contextlib.asynccontextmanager
async def _redis() -> AsyncIterator[tuple[Path, str]]:
    with tempfile.TemporaryDirectory(prefix="techdengue-jobs-") as directory:
        valkey = EmbeddedValkey(Path(directory) / "redis")
        await valkey.start()
        try:
            yield Path(directory), valkey.url
        finally:
            await valkey.stop()


@contextlib.asynccontextmanager
async def _worker(database: Database, redis_url: str, log: Path) -> AsyncIterator[None]:
    """A worker with the defaults."""
    worker = WorkerProcess(
        database, redis_url, log, "reports", job_lease_seconds=30.0, job_poll_seconds=2.0, job_grace_seconds=10.0
    )
    await worker.start()
    try:
        yield
    finally:
        await worker.kill()


async def _rate(pool: "asyncpg.Pool[Any]", owner: "asyncpg.Connection[Any]", prefix: str) -> float:
    """Runs a minute, from the first start to the last end of so many that were queued at once."""
    async with pool.acquire() as connection, connection.transaction():
        for number in range(_RUNS):
            await enqueue(connection, NOTE, NoArguments(), key=f"{prefix}{number}", origin=Origin.REQUEST)
    await _until_all_ended(owner)
    return float(await owner.fetchval(_TOOK, f"{prefix}%"))


async def _delays(
    pool: "asyncpg.Pool[Any]", owner: "asyncpg.Connection[Any]", prefix: str, dispatcher: Dispatcher, runs: int
) -> list[float]:
    """Seconds from queued to started of runs that come one by one, to an idle worker."""
    async with dispatcher.running():
        for number in range(runs):
            async with pool.acquire() as connection, connection.transaction():
                await enqueue(connection, NOTE, NoArguments(), key=f"{prefix}{number}", origin=Origin.REQUEST)
            dispatcher.hint([Queue.REPORTS])
            await _until_all_ended(owner)
    return [float(row[0]) for row in await owner.fetch(_WAITED, f"{prefix}%")]


async def _until_all_ended(owner: "asyncpg.Connection[Any]") -> None:
    async with asyncio.timeout(_WAIT_SECONDS):
        while await owner.fetchval(_LEFT):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)


JOBS = Named("jobs", lambda _options: _ROUNDS * 50.0, _measure)
