"""A worker that is killed by SIGKILL between two steps of a cleaning job: the next run ends what it began."""

import asyncio
import datetime as dt
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jobs import NoArguments
from jobs.catalogue import JOBS
from techdengue.dev.database import Database
from techdengue.dev.seaweedfs import S3Address
from techdengue.storage import Storage
from tests.jobs.conftest import QueueRun, RunJob
from tests.jobs.working import Table

from .evidence import Files
from .test_archive_old_reports import Reports
from .test_archive_old_reports import reports as reports
from .test_cleanup_sync_logs import YEAR_AGO, Log
from .test_cleanup_sync_logs import log as log

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
Kill = Callable[[str, str, int], Awaitable[None]]


@pytest.fixture
def kill(jobs_database: Database, s3: S3Address, queue_run: QueueRun, table: Table) -> Kill:
    """`await kill("archive_old_reports", "copy", 0)`: runs the job in a process that dies at that call of the store."""

    async def kill(name: str, method: str, calls: int) -> None:
        await queue_run(JOBS[name], NoArguments())
        variables = {
            "TECHDENGUE_DATABASE_URL": jobs_database.server_url,
            "TECHDENGUE_S3_ENDPOINT_URL": s3.endpoint_url,
            "TECHDENGUE_S3_ACCESS_KEY": s3.access_key,
            "TECHDENGUE_S3_SECRET_KEY": s3.secret_key,
            "TECHDENGUE_S3_BUCKET": s3.bucket,
        }
        arguments = (name, method, str(calls), NOW.isoformat())
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.jobs.upkeep.killed", *arguments),
            cwd=Path(__file__).parents[3],
            env={**os.environ, **variables},
        )
        assert await process.wait() == -signal.SIGKILL
        await table.connection.execute("DELETE FROM jobs.run")

    return kill


async def again(run_job: RunJob, name: str, storage: Storage) -> Any:
    """The counts of the run after it."""
    ending = await run_job(JOBS[name], NoArguments(), now=NOW, storage=storage)
    assert ending.outcome == "succeeded", ending.error
    return ending.counts


async def test_between_giving_files_up_and_deleting_them(
    kill: Kill, run_job: RunJob, files: Files, storage: Storage, table: Table
) -> None:
    await files.add([f"{number:02}" for number in range(30)], NOW - dt.timedelta(days=60))
    await files.cover("07")
    await kill("cleanup_old_s3_files", "delete_many", 0)
    assert len(await files.left()) == 30
    assert await again(run_job, "cleanup_old_s3_files", storage) == {"given_up": 0, "deleted": 29}
    assert await files.left() == {"07"}
    assert await table.connection.fetchval("SELECT count(gone_at) FROM jobs.deleted_file") == 29


@pytest.mark.parametrize("method", ["copy", "delete_many"])
async def test_between_copying_a_report_and_deleting_its_original(
    kill: Kill, run_job: RunJob, reports: Reports, storage: Storage, table: Table, method: str
) -> None:
    report = await reports.add(91)
    await table.connection.execute("ALTER TABLE jobs.report DISABLE TRIGGER report_is_kept")
    await table.connection.execute("UPDATE jobs.report SET generated_at = $1", NOW - dt.timedelta(days=91))
    await table.connection.execute("ALTER TABLE jobs.report ENABLE ALWAYS TRIGGER report_is_kept")
    await kill("archive_old_reports", method, 0)
    await again(run_job, "archive_old_reports", storage)
    assert await reports.places(report) == "archive; said to be in archive"


@pytest.mark.parametrize("method", ["put", "get"])
async def test_between_exporting_requests_and_dropping_them(
    kill: Kill, run_job: RunJob, log: Log, storage: Storage, method: str
) -> None:
    await log.add(YEAR_AGO, 5)
    await log.audit()
    await kill("cleanup_sync_logs", method, 0)
    assert await log.count() == 5
    await again(run_job, "cleanup_sync_logs", storage)
    assert await log.count() == 0
    assert [row["device_id"] for row in await log.archived()] == [f"device-{number}" for number in range(1, 6)]
