"""`cleanup_old_s3_files`: deletes files of evidence that was deleted so many days ago, but none that a report is about.

First a file is given up, in a transaction that locks it against a report that would want it, and recorded; then the
object store deletes it, a thousand at a time; then it is recorded as gone. What a run that ends in between has left
undone, the next one does, from the records.
"""

import asyncio
import datetime as dt
from typing import Any, Final

from jobs.errors import Transient
from jobs.model import Counts, Job, NoArguments, Queue, RetryPolicy
from jobs.run import Run
from jobs.storing import store_may_be_away, store_of
from techdengue.storage import MOST_DELETED, Storage

from . import statements


async def cleanup_old_s3_files(run: Run, _arguments: NoArguments) -> Counts:
    """Give up what is due, and delete all that was given up. Raises Transient where the store kept something."""
    services = run.services
    before = services.clock() - dt.timedelta(days=services.settings.deleted_files_days)
    given_up = deleted = kept = 0
    while marked := await _give_up(run, before):
        given_up += marked
        await run.progress(0, given_up)
    last = 0
    while files := await services.pool.fetch(statements.READ_GIVEN_UP_FILES, last):
        last = files[-1]["deletion_id"]
        with store_may_be_away():
            refused = await _delete(store_of(run), files)
        ids = [file["deletion_id"] for file in files]
        await services.pool.execute(statements.SETTLE_DELETED_FILES, ids, refused, services.clock())
        deleted += len(ids) - len(refused)
        kept += len(refused)
        await run.progress(deleted, deleted=deleted, kept=kept)
    if kept:
        raise Transient(f"the object store kept {kept} files; {deleted} were deleted")
    return {"given_up": given_up, "deleted": deleted}


async def _give_up(run: Run, before: dt.datetime) -> int:
    """Give up files of evidence that was deleted before; answers how many."""
    connection: Any
    async with run.services.pool.acquire() as connection, connection.transaction():
        due = await connection.fetch(statements.LOCK_DELETED_FILES, before)
        if not due:
            return 0
        municipios, ids = [row["municipio_cod_ibge"] for row in due], [row["evidencia_id"] for row in due]
        marked: int = await connection.fetchval(
            statements.GIVE_UP_FILES, municipios, ids, run.services.clock(), run.run_id
        )
        return marked


async def _delete(store: Storage, files: list[Any]) -> list[int]:
    """Delete files and their thumbnails, some thousands at once; the ids of those of which the store kept something."""
    keys = [key for file in files for key in (file["object_key"], file["thumbnail_key"]) if key is not None]
    pieces = [keys[start : start + MOST_DELETED] for start in range(0, len(keys), MOST_DELETED)]
    async with asyncio.TaskGroup() as tasks:
        deleting = [tasks.create_task(store.delete_many(piece)) for piece in pieces]
    kept = {key for each in deleting for key in each.result()}
    return [file["deletion_id"] for file in files if kept & {file["object_key"], file["thumbnail_key"]}]


CLEANUP_OLD_S3_FILES: Final = Job(
    name="cleanup_old_s3_files",
    queue=Queue.CLEANUP,
    arguments=NoArguments,
    handler=cleanup_old_s3_files,
    time_limit=dt.timedelta(hours=1),
    retry=RetryPolicy(attempts=6, first=dt.timedelta(seconds=30), longest=dt.timedelta(minutes=30)),
    exclusive=True,
    summary="Deletes files of evidence that was deleted 30 days ago and that no report is about.",
)
