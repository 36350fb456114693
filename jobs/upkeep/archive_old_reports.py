"""`archive_old_reports`: moves files of reports that are so many days old into the archive bucket.

A file is copied, the copy is read back and compared with the report's own checksum, and only then is the report said to
be there; after that the original goes. The report stays in the index and is downloaded as before. A run that ends in
between leaves a file in both places at worst, and the next one goes on.
"""

import asyncio
import datetime as dt
import hashlib
import uuid
from typing import Any, Final

import structlog

from jobs.errors import Transient
from jobs.model import Counts, Job, NoArguments, Queue, RetryPolicy
from jobs.run import Run
from jobs.storing import store_may_be_away, store_of
from techdengue.storage import NoSuchObject, ObjectChanged, Storage

from . import statements

_NONE: Final = uuid.UUID(int=0)
_AT_ONCE: Final = 8
_log = structlog.get_logger(__name__)


async def archive_old_reports(run: Run, _arguments: NoArguments) -> Counts:
    """Archive what is due. Raises Transient where some could not be: they are missing, or not what they were."""
    services = run.services
    before = services.clock() - dt.timedelta(days=services.settings.archive_reports_days)
    left = await _remove_originals(run)
    last, archived, failed, ready = _NONE, 0, 0, False
    while reports := await services.pool.fetch(statements.READ_OLD_REPORTS, before, last):
        last = reports[-1]["report_id"]
        with store_may_be_away():
            if not ready:
                await store_of(run).make_bucket(store_of(run).archive_bucket)
                ready = True
            done = await _archive_all(run, reports)
        archived += done
        failed += len(reports) - done
        left += await _remove_originals(run)
        await run.progress(archived, archived=archived, failed=failed)
    if failed:
        raise Transient(f"{failed} reports could not be archived; {archived} were")
    return {"archived": archived, "originals_removed": left}


async def _archive_all(run: Run, reports: list[Any]) -> int:
    """Archive these, some at once; answers how many could be."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def archive(report: Any) -> bool:
        async with places:
            return await _archive(run, report)

    async with asyncio.TaskGroup() as tasks:
        working = [tasks.create_task(archive(report)) for report in reports]
    return sum(task.result() for task in working)


async def _archive(run: Run, report: Any) -> bool:
    store, bucket = store_of(run), report["bucket"]
    wanted = {report["object_key"]: bytes(report["sha256"])}
    try:
        if report["json_key"] is not None:
            wanted[report["json_key"]] = await _digest(store, report["json_key"], bucket)
        for key, digest in wanted.items():
            if not await _copy(store, key, digest, bucket):
                _log.error("report_not_archived", report_id=str(report["report_id"]), reason="another checksum")
                return False
    except (NoSuchObject, ObjectChanged) as error:
        _log.error("report_not_archived", report_id=str(report["report_id"]), reason=type(error).__name__)
        return False
    services = run.services
    await services.pool.execute(
        statements.ARCHIVE_REPORT,
        report["report_id"],
        store.archive_bucket,
        services.clock(),
        bucket,
        list(wanted),
        run.run_id,
    )
    return True


async def _copy(store: Storage, key: str, digest: bytes, bucket: str) -> bool:
    """Copy a file into the archive, unless it is there; whether what is there is the file of this digest."""
    there = await store.head(key, bucket=store.archive_bucket)
    if there is not None and await _digest(store, key, store.archive_bucket) == digest:
        return True
    await store.copy(key, key, bucket=bucket, to_bucket=store.archive_bucket)
    if await _digest(store, key, store.archive_bucket) == digest:
        return True
    await store.delete_many([key], bucket=store.archive_bucket)
    return False


async def _digest(store: Storage, key: str, bucket: str) -> bytes:
    """SHA-256 of an object's bytes, read in pieces. Raises NoSuchObject, ObjectChanged."""
    head = await store.head(key, bucket=bucket)
    if head is None:
        raise NoSuchObject(key)
    digest = hashlib.sha256()
    async for piece in store.pieces(key, head, bucket=bucket):
        digest.update(piece)
    return digest.digest()


async def _remove_originals(run: Run) -> int:
    """Delete the originals of what is in the archive; answers of how many reports."""
    last, removed = _NONE, 0
    while rows := await run.services.pool.fetch(statements.READ_LEFT_ORIGINALS, last):
        last = rows[-1]["report_id"]
        gone = []
        for row in rows:
            with store_may_be_away():
                if not await store_of(run).delete_many(row["object_keys"], bucket=row["from_bucket"]):
                    gone.append(row["report_id"])
        await run.services.pool.execute(statements.SETTLE_ORIGINALS, gone, run.services.clock())
        removed += len(gone)
    return removed


ARCHIVE_OLD_REPORTS: Final = Job(
    name="archive_old_reports",
    queue=Queue.CLEANUP,
    arguments=NoArguments,
    handler=archive_old_reports,
    time_limit=dt.timedelta(hours=1),
    retry=RetryPolicy(attempts=6, first=dt.timedelta(seconds=30), longest=dt.timedelta(minutes=30)),
    exclusive=True,
    summary="Moves files of reports that are 90 days old into the archive bucket, each compared with its checksum.",
)
