"""The job clean_abandoned_uploads: what uploads left behind that nobody completed, and reports that nobody kept.

The row goes first, then what it stood for. A job that is killed between the two leaves objects that no row knows, and
so does one that is killed between a report's files and its row; the second half looks for such, whoever left them.
"""

import datetime as dt
from typing import Final

import asyncpg

from jobs.model import Counts, Job, NoArguments, Queue, RetryPolicy
from jobs.reports.keeping import REPORTS
from jobs.run import Run
from jobs.statements import load
from jobs.storing import store_may_be_away, store_of
from techdengue.storage import Storage

from .describe_evidence import THUMBNAILS

UPLOADS: Final = "evidencias/"
PREFIXES: Final = (UPLOADS, THUMBNAILS, REPORTS)
_BATCH: Final = 500

_TAKE: Final = load("take_abandoned_uploads")
_FIND_UNKNOWN: Final = load("find_unknown_objects")


async def clean(run: Run, _arguments: NoArguments) -> Counts:
    """Remove them. Counts the uploads, unknown objects and unknown multipart uploads. Raises Transient, Permanent."""
    storage = store_of(run)
    before = run.services.clock() - dt.timedelta(days=run.services.settings.evidence_abandoned_days)
    with store_may_be_away():
        uploads = await _clean_uploads(run, storage, before)
        objects = await _clean_unknown_objects(run, storage, before)
        multiparts = await _clean_unknown_multiparts(storage, before)
    return {"uploads": uploads, "unknown_objects": objects, "unknown_multiparts": multiparts}


async def _clean_uploads(run: Run, storage: Storage, before: dt.datetime) -> int:
    done = 0
    while rows := await run.services.pool.fetch(_TAKE, before, _BATCH):
        for row in rows:
            if row["multipart_upload_id"] is not None:
                await storage.abort_multipart(row["object_key"], row["multipart_upload_id"])
        await storage.delete_many([row["object_key"] for row in rows])
        done += len(rows)
        await run.progress(done, uploads=done)
    return done


async def _clean_unknown_objects(run: Run, storage: Storage, before: dt.datetime) -> int:
    """Objects that no row knows; a younger one may be of an upload that begins, or a report that is being made."""
    removed = 0
    for prefix in PREFIXES:
        old: list[str] = []
        async for key, modified_at in storage.objects(prefix):
            if modified_at < before:
                old.append(key)
            if len(old) >= _BATCH:
                removed += await _remove_unknown(run.services.pool, storage, old)
                old = []
                await run.progress(removed, unknown_objects=removed)
        removed += await _remove_unknown(run.services.pool, storage, old)
    return removed


async def _remove_unknown(pool: "asyncpg.Pool[asyncpg.Record]", storage: Storage, keys: list[str]) -> int:
    if not keys:
        return 0
    unknown = [row["key"] for row in await pool.fetch(_FIND_UNKNOWN, keys)]
    kept = await storage.delete_many(unknown)
    return len(unknown) - len(kept)


async def _clean_unknown_multiparts(storage: Storage, before: dt.datetime) -> int:
    """Multipart uploads that began so long ago are nobody's any more: their rows are gone, or never were."""
    old = [(key, upload) async for key, upload, begun_at in storage.multiparts(UPLOADS) if begun_at < before]
    for key, upload in old:
        await storage.abort_multipart(key, upload)
    return len(old)


JOB: Final = Job(
    name="clean_abandoned_uploads",
    queue=Queue.CLEANUP,
    arguments=NoArguments,
    handler=clean,
    time_limit=dt.timedelta(minutes=30),
    retry=RetryPolicy(attempts=5, first=dt.timedelta(seconds=30), longest=dt.timedelta(minutes=30)),
    summary="Removes what uploads that nobody completed and reports that nobody kept left in the object store.",
    exclusive=True,
)
