"""Workers as processes that a test may kill, and what the table says of runs."""

import asyncio
import re
import sys
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg

from techdengue.dev.database import Database
from tests.e2e.processes import START_SECONDS, Program

SECONDS = 30.0
_PORT = re.compile(r"^port (\d+)$", re.MULTILINE)


class WorkerProcess(Program):
    """A worker with the tests' jobs; `port` is that of its metrics."""

    def __init__(self, database: Database, redis_url: str, log: Path, *arguments: str, **settings: Any) -> None:
        variables = {
            "database_url": database.server_url,
            "redis_url": redis_url,
            "worker_port": 0,
            "job_lease_seconds": 1.0,
            "job_poll_seconds": 0.1,
            "job_grace_seconds": 0.2,
            **settings,
        }
        env = {f"TECHDENGUE_{name.upper()}": str(value) for name, value in variables.items()}
        super().__init__(("-m", "tests.jobs.probe_worker", *arguments), env, log, script=Path(sys.executable))
        self.port = 0

    async def start(self) -> None:
        """Start it, and wait until it works."""
        await super().start()
        async with asyncio.timeout(START_SECONDS):
            while not (found := _PORT.search(self.read_log())):
                self.check_running()
                await asyncio.sleep(0.02)  # a file tells nobody that it grew
        self.port = int(found[1])


async def until(condition: Callable[[], Awaitable[Any]], *, seconds: float = SECONDS) -> Any:
    """Poll until the condition answers something true; that."""
    async with asyncio.timeout(seconds):
        while not (found := await condition()):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)
    return found


class Table:
    """What a test asks the tables, with a superuser's eyes."""

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self.connection = connection

    async def run(self, run_id: uuid.UUID) -> Any:
        """The row of a run."""
        return await self.connection.fetchrow("SELECT * FROM jobs.run WHERE run_id = $1", run_id)

    async def ended(self, run_id: uuid.UUID, *, seconds: float = SECONDS) -> Any:
        """The row of a run once it has ended."""

        async def has_ended() -> Any:
            row = await self.run(run_id)
            return row if row["finished_at"] is not None else None

        return await until(has_ended, seconds=seconds)

    async def effects(self, run_id: uuid.UUID, what: str) -> int:
        """How often the run has had this effect."""
        found: int = await self.connection.fetchval(
            "SELECT count(*) FROM jobs.effect WHERE run_id = $1 AND what = $2", run_id, what
        )
        return found

    async def has_begun(self, run_id: uuid.UUID, times: int = 1) -> None:
        """Return when its handler was begun so many times."""

        async def has() -> bool:
            return await self.effects(run_id, "began") >= times

        await until(has)

    async def workers(self) -> int:
        """How many workers say that they live."""
        found: int = await self.connection.fetchval("SELECT count(*) FROM jobs.worker")
        return found

    async def open(self, gate: str) -> None:
        """Let those who wait at this gate go on."""
        await self.connection.execute("INSERT INTO jobs.gate VALUES ($1)", gate)
