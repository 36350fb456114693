"""Old reports are moved to the archive: copied, compared with their checksums, and only then is the original gone."""

import asyncio
import datetime as dt
import hashlib
import uuid
from typing import Any

import msgspec
import pytest

from jobs import NoArguments, Run
from jobs.upkeep.archive_old_reports import ARCHIVE_OLD_REPORTS, archive_old_reports
from techdengue.dev.database import Database
from techdengue.storage import Storage, StorageAway
from tests.jobs.conftest import RunJob
from tests.jobs.working import Table

from .running import run_with

NOW = dt.datetime(2026, 6, 30, 7, tzinfo=dt.UTC)
_REPORT = """
INSERT INTO jobs.report (
    report_id, code, status, municipio_cod_ibge, period_start, period_end, page_size, orientation, requested_at, run_id,
    generated_at, content, bucket, object_key, json_key, size_bytes, sha256)
VALUES ($1, 'SEMANAL', 'ready', '5103403', '2026-01-04', '2026-01-10', 'A4', 'portrait', $2, $1, $2, '', $3, $4, $5,
    10, $6)
"""


class Reports(msgspec.Struct, frozen=True):
    """Reports of a test."""

    table: Table
    storage: Storage

    async def add(self, age_days: float, *, missing: bool = False, spoilt: bool = False) -> uuid.UUID:
        """A report that was made so many days ago, with its files."""
        report_id = uuid.uuid4()
        made = NOW - dt.timedelta(days=age_days)
        pdf = f"%PDF {report_id}".encode()
        digest = hashlib.sha256(pdf + (b"!" if spoilt else b"")).digest()
        keys = [f"reports/{report_id}.{form}" for form in ("pdf", "json")]
        await self.table.connection.execute(_REPORT, report_id, made, self.storage.bucket, *keys, digest)
        if not missing:
            await self.storage.put(keys[0], pdf, content_type="application/pdf")
        await self.storage.put(keys[1], b"{}", content_type="application/json")
        return report_id

    async def places(self, report_id: uuid.UUID) -> str:
        """`original`, `archive` or both, for both of its files, and what the table says."""
        found = []
        for bucket, name in ((self.storage.bucket, "original"), (self.storage.archive_bucket, "archive")):
            heads = [await self.storage.head(f"reports/{report_id}.{form}", bucket=bucket) for form in ("pdf", "json")]
            if any(heads):
                assert all(heads)
                found.append(name)
        row = await self.table.connection.fetchrow("SELECT * FROM jobs.report WHERE report_id = $1", report_id)
        assert (row["bucket"] == self.storage.archive_bucket) == (row["archived_at"] is not None)
        return f"{' and '.join(found)}; said to be in {'archive' if row['archived_at'] else 'original'}"


@pytest.fixture
def reports(table: Table, storage: Storage) -> Reports:
    """Reports of this test."""
    return Reports(table, storage)


async def test_after_89_days_a_report_stays_and_after_91_it_is_in_the_archive_and_still_in_the_index(
    run_job: RunJob, reports: Reports, storage: Storage
) -> None:
    young, old = await reports.add(89), await reports.add(91)
    ending = await run_job(ARCHIVE_OLD_REPORTS, NoArguments(), now=NOW, storage=storage)
    assert (ending.outcome, ending.counts) == ("succeeded", {"archived": 1, "originals_removed": 1})
    assert await reports.places(young) == "original; said to be in original"
    assert await reports.places(old) == "archive; said to be in archive"
    assert await storage.get(f"reports/{old}.pdf", bucket=storage.archive_bucket) == f"%PDF {old}".encode()
    again = await run_job(ARCHIVE_OLD_REPORTS, NoArguments(), now=NOW, storage=storage)
    assert again.counts == {"archived": 0, "originals_removed": 0}


async def test_a_report_that_is_not_what_it_was_stays_where_it_is_and_stops_no_other(
    run_job: RunJob, reports: Reports, storage: Storage
) -> None:
    spoilt, missing, well = await reports.add(91, spoilt=True), await reports.add(91), await reports.add(91)
    await storage.delete_many([f"reports/{missing}.{form}" for form in ("pdf", "json")])
    ending = await run_job(ARCHIVE_OLD_REPORTS, NoArguments(), now=NOW, storage=storage)
    assert (ending.outcome, ending.error) == (
        "retried",
        "Transient: 2 reports could not be archived; 1 were",
    )
    assert await reports.places(spoilt) == "original; said to be in original"
    assert await reports.places(missing) == "; said to be in original"
    assert await storage.head(f"reports/{spoilt}.pdf", bucket=storage.archive_bucket) is None
    assert await reports.places(well) == "archive; said to be in archive"


class _Dying:
    """The object store, until a call of this name is the last one that it is asked for."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            raise StorageAway("killed")
        return getattr(self._storage, name)


@pytest.mark.parametrize(
    ("before", "left"),
    [
        ("copy", "original; said to be in original"),
        ("pieces", "original; said to be in original"),
        ("delete_many", "original and archive; said to be in archive"),
    ],
)
async def test_a_run_that_ends_at_any_step_leaves_a_report_that_can_be_read_and_the_next_one_goes_on(
    run_job: RunJob, reports: Reports, storage: Storage, table: Table, before: str, left: str
) -> None:
    report = await reports.add(91)
    ending = await run_job(ARCHIVE_OLD_REPORTS, NoArguments(), now=NOW, storage=_Dying(storage, before))
    assert (ending.outcome, ending.error) == ("retried", "Transient: the object store is away")
    assert await reports.places(report) == left
    await table.connection.execute("DELETE FROM jobs.run")
    ending = await run_job(ARCHIVE_OLD_REPORTS, NoArguments(), now=NOW, storage=storage)
    assert ending.outcome == "succeeded"
    assert await reports.places(report) == "archive; said to be in archive"
    assert await table.connection.fetchval("SELECT count(*) FROM jobs.archived_report WHERE original_gone_at = $1", NOW)


async def test_a_copy_that_was_cut_short_is_made_again(run_job: RunJob, reports: Reports, storage: Storage) -> None:
    report = await reports.add(91)
    await storage.make_bucket(storage.archive_bucket)
    await storage.put(f"reports/{report}.pdf", b"%PD", content_type="application/pdf", bucket=storage.archive_bucket)
    await run_job(ARCHIVE_OLD_REPORTS, NoArguments(), now=NOW, storage=storage)
    assert await storage.get(f"reports/{report}.pdf", bucket=storage.archive_bucket) == f"%PDF {report}".encode()


async def test_two_at_once_archive_each_report_once(
    jobs_database: Database, reports: Reports, storage: Storage, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_progress(self: Run, done: int, total: int | None = None, **counts: int) -> None:
        """The run is no row of the table."""

    monkeypatch.setattr(Run, "progress", no_progress)
    made = [await reports.add(91) for _ in range(12)]
    async with run_with(jobs_database.server_url, NOW, storage) as run:
        await asyncio.gather(*(archive_old_reports(run, NoArguments()) for _ in range(2)), return_exceptions=True)
        await archive_old_reports(run, NoArguments())
    for report in made:
        assert await reports.places(report) == "archive; said to be in archive"
    assert await table.connection.fetchval("SELECT count(*) FROM jobs.archived_report") == 12
