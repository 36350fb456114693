"""Files of evidence that was deleted long enough ago go, each recorded; none goes that a report is about."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from jobs import NoArguments, Run
from jobs.model import Status
from jobs.upkeep.cleanup_old_s3_files import CLEANUP_OLD_S3_FILES, cleanup_old_s3_files
from techdengue.dev.database import Database
from techdengue.storage import Storage, StorageAway
from tests.jobs.conftest import RunJob
from tests.jobs.working import Table

from .evidence import CUIABA, Files
from .running import run_with

NOW = dt.datetime(2026, 3, 31, 6, tzinfo=dt.UTC)
LONG_AGO = NOW - dt.timedelta(days=60)


def days(number: float) -> dt.datetime:
    """So many days ago."""
    return NOW - dt.timedelta(days=number)


async def test_after_29_days_a_file_stays_and_after_31_it_goes(
    run_job: RunJob, files: Files, storage: Storage, table: Table
) -> None:
    await files.add(["29"], days(29))
    await files.add(["30"], days(30))
    await files.add(["31"], days(31), thumbnails=True)
    ending = await run_job(CLEANUP_OLD_S3_FILES, NoArguments(), now=NOW, storage=storage)
    assert (ending.outcome, ending.counts) == ("succeeded", {"given_up": 1, "deleted": 1})
    assert await files.left() == {"29", "30"}
    assert await files.statuses() == {"29": "verified", "30": "verified", "31": "deleted"}
    row = await table.connection.fetchrow("SELECT * FROM jobs.deleted_file")
    assert (row["municipio_cod_ibge"], row["evidencia_id"], row["object_key"]) == (CUIABA, "31", files.key("31"))
    assert (row["size_bytes"], row["gone_at"], row["refusals"]) == (4, NOW, 0)
    deleted_at = await table.connection.fetchval("SELECT max(deleted_at) FROM techdengue.evidence_file")
    assert deleted_at == NOW


async def test_only_deleted_evidence_loses_its_file_and_only_as_the_log_has_it_now(
    run_job: RunJob, files: Files, storage: Storage
) -> None:
    await files.add(["complete"], LONG_AGO, evidence="CONCLUIDA")
    await files.add(["restored-since"], LONG_AGO, version=1)  # the projection is behind the head
    await files.add(["unfinished"], LONG_AGO, status="uploading")
    await files.add(["removed"], LONG_AGO, evidence="CONCLUIDA", deleted=True)
    await run_job(CLEANUP_OLD_S3_FILES, NoArguments(), now=NOW, storage=storage)
    assert await files.left() == {"complete", "restored-since", "unfinished"}


async def test_a_file_that_a_report_is_about_never_goes(run_job: RunJob, files: Files, storage: Storage) -> None:
    await files.add(["in-a-report", "in-none"], LONG_AGO)
    await files.cover("in-a-report")
    for _ in range(2):
        await run_job(CLEANUP_OLD_S3_FILES, NoArguments(), now=NOW, storage=storage)
        assert await files.left() == {"in-a-report"}


async def test_thousands_go_in_batches_and_none_that_a_report_is_about(
    run_job: RunJob, files: Files, storage: Storage, table: Table
) -> None:
    named = [f"{number:04}" for number in range(2500)]
    await files.add(named, LONG_AGO, objects=False)
    await files.put(map(files.key, named[::10]))
    await files.cover(*named[::100])
    ending = await run_job(CLEANUP_OLD_S3_FILES, NoArguments(), now=NOW, storage=storage)
    assert ending.counts == {"given_up": 2475, "deleted": 2475}
    assert await files.left() == set(named[::100])
    assert await table.connection.fetchval("SELECT count(*) FROM jobs.deleted_file WHERE gone_at = $1", NOW) == 2475


async def test_a_report_that_is_being_made_keeps_its_files_and_one_that_comes_too_late_is_refused(
    run_job: RunJob, files: Files, storage: Storage, table: Table
) -> None:
    await files.add(["wanted", "unwanted"], LONG_AGO)
    transaction = table.connection.transaction()
    await transaction.start()
    await files.cover("wanted")
    await run_job(CLEANUP_OLD_S3_FILES, NoArguments(), now=NOW, storage=storage)
    await transaction.commit()
    await run_job(CLEANUP_OLD_S3_FILES, NoArguments(), now=NOW, storage=storage)
    assert await files.left() == {"wanted"}
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="was given up"):
        await files.cover("unwanted")


async def test_a_leaf_about_a_file_in_whose_place_there_is_another_one_is_refused(files: Files, table: Table) -> None:
    await files.add(["given-up", "sent-again"], LONG_AGO, objects=False)
    await table.connection.execute("UPDATE techdengue.evidence_file SET object_key = object_key || '/2'")
    another = "UPDATE techdengue.evidence_file SET status = 'deleted', deleted_at = now() WHERE evidencia_id = $1"
    await table.connection.execute(another, "given-up")
    for each in ("given-up", "sent-again"):  # gathered under the key of before
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="is another one by now"):
            await files.cover(each)
    assert await table.connection.fetchval("SELECT count(*) FROM jobs.report_leaf") == 0


class _Picky:
    """The object store, but it keeps some keys, or goes away after some calls."""

    def __init__(self, storage: Storage, *, keeps: frozenset[str] = frozenset(), calls: int = 1000) -> None:
        self._storage = storage
        self._keeps = keeps
        self._calls = calls

    async def delete_many(self, keys: Sequence[str], **more: Any) -> list[str]:
        """As the store's, but for what it keeps."""
        self._calls -= 1
        if self._calls < 0:
            raise StorageAway("away")
        kept = await self._storage.delete_many([key for key in keys if key not in self._keeps], **more)
        return [*kept, *(key for key in keys if key in self._keeps)]


async def test_what_the_store_keeps_is_recorded_and_tried_again_and_stops_no_other(
    run_job: RunJob, files: Files, storage: Storage, table: Table
) -> None:
    await files.add(["a", "b", "c"], LONG_AGO)
    picky = _Picky(storage, keeps=frozenset({files.key("b")}))
    ending = await run_job(CLEANUP_OLD_S3_FILES, NoArguments(), now=NOW, storage=picky)
    assert ending.outcome == "retried"
    assert ending.error == "Transient: the object store kept 1 files; 2 were deleted"
    row = await table.connection.fetchrow("SELECT * FROM jobs.deleted_file WHERE gone_at IS NULL")
    assert (row["evidencia_id"], row["refusals"]) == ("b", 1)
    await table.connection.execute("DELETE FROM jobs.run")
    ending = await run_job(CLEANUP_OLD_S3_FILES, NoArguments(), now=NOW, storage=storage)
    assert ending.counts == {"given_up": 0, "deleted": 1}
    assert await files.left() == set()


async def test_what_a_run_left_undone_the_next_one_does(
    run_job: RunJob, files: Files, storage: Storage, table: Table
) -> None:
    named = [f"{number:04}" for number in range(4500)]
    await files.add(named, LONG_AGO, objects=False)
    await files.put(map(files.key, named[::50]))
    ending = await run_job(CLEANUP_OLD_S3_FILES, NoArguments(), now=NOW, storage=_Picky(storage, calls=4))
    assert (ending.outcome, ending.error) == ("retried", "Transient: the object store is away")
    assert await files.left() == set(named[4000::50])
    assert set((await files.statuses()).values()) == {"deleted"}
    await table.connection.execute("DELETE FROM jobs.run")
    ending = await run_job(CLEANUP_OLD_S3_FILES, NoArguments(), now=NOW, storage=storage)
    assert ending.counts == {"given_up": 0, "deleted": 500}
    assert await files.left() == set()


async def test_two_at_once_record_each_file_once(
    jobs_database: Database, files: Files, storage: Storage, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_progress(self: Run, done: int, total: int | None = None, **counts: int) -> None:
        """The run is no row of the table."""

    monkeypatch.setattr(Run, "progress", no_progress)
    await files.add([f"{number:04}" for number in range(60)], LONG_AGO)
    async with run_with(jobs_database.server_url, NOW, storage) as run:
        await asyncio.gather(*(cleanup_old_s3_files(run, NoArguments()) for _ in range(3)))
    counted = "SELECT count(*), count(DISTINCT evidencia_id), count(gone_at) FROM jobs.deleted_file"
    assert tuple(await table.connection.fetchrow(counted)) == (60, 60, 60)
    assert await files.left() == set()


async def test_a_worker_without_a_store_says_so_when_there_is_something_to_delete(
    run_job: RunJob, files: Files
) -> None:
    ending = await run_job(CLEANUP_OLD_S3_FILES, NoArguments(), now=NOW)
    assert ending.outcome == "succeeded"
    await files.add(["a"], LONG_AGO, objects=False)
    ending = await run_job(CLEANUP_OLD_S3_FILES, NoArguments(), now=NOW)
    assert (ending.status, ending.error) == (Status.FAILED, "Permanent: no bucket is set: TECHDENGUE_S3_BUCKET")
