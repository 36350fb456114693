"""`cleanup_sync_logs`: moves months of the request log that are so many days old into the archive, and drops them.

A partition is exported in parts, each recorded once it is in the archive; then every part is read back and compared
with its checksum; then the partition is dropped, by a function that counts its rows once more and makes sure that all
of it is in the audit trail. The event log, and with it the memory of keys, is another table that no right of this job
reaches. It also makes the partitions of the coming months.
"""

import asyncio
import datetime as dt
import hashlib
from typing import Any, Final

import asyncpg
import structlog
import zstandard

from jobs.errors import Permanent, Transient
from jobs.model import Counts, Job, NoArguments, Queue, RetryPolicy
from jobs.run import Run
from jobs.storing import store_may_be_away, store_of
from techdengue.storage import NoSuchObject

from . import statements

MONTHS_AHEAD: Final = 3
ROWS_A_PART: Final = 100_000
_LEVEL: Final = 9
_BUSY: Final = dt.timedelta(minutes=1)
_log = structlog.get_logger(__name__)


async def cleanup_sync_logs(run: Run, _arguments: NoArguments) -> Counts:
    """Archive and drop what is old enough. Raises Transient where a partition could not be dropped now."""
    services = run.services
    added = await _locking(services.pool.fetchval(statements.ADD_REQUEST_PARTITIONS, MONTHS_AHEAD))
    before = services.clock() - dt.timedelta(days=services.settings.sync_log_days)
    dropped = rows = 0
    for partition in await services.pool.fetch(statements.READ_OLD_PARTITIONS, before):
        with store_may_be_away():
            rows += await _export(run, partition["name"])
            await _verify(run, partition["name"])
        await _drop(run, partition["name"])
        dropped += 1
        await run.progress(dropped, rows=rows)
    return {"partitions_added": added, "partitions_dropped": dropped, "rows_exported": rows}


async def _export(run: Run, name: str) -> int:
    """Put what of the partition is not in the archive yet into it; answers how many rows."""
    services, store = run.services, store_of(run)
    await store.make_bucket(store.archive_bucket)
    parts = await services.pool.fetch(statements.READ_ARCHIVED_PARTS, name)
    number: int = await services.pool.fetchval(statements.LAST_ARCHIVED_PART, name)
    last_id, exported = parts[-1]["last_id"] if parts else 0, 0
    while lines := await services.pool.fetch(statements.READ_REQUESTS, name, last_id, ROWS_A_PART):
        number += 1
        first_id, last_id = lines[0]["id"], lines[-1]["id"]
        packed = await asyncio.to_thread(_pack, lines)
        key = f"sync-requests/{name}/{number:04}.ndjson.zst"
        await store.put(key, packed, content_type="application/zstd", bucket=store.archive_bucket)
        await services.pool.execute(
            statements.ARCHIVE_REQUESTS,
            *(name, number, store.archive_bucket, key, first_id, last_id, len(lines), len(packed)),
            *(hashlib.sha256(packed).digest(), run.run_id, services.clock()),
        )
        exported += len(lines)
        await run.progress(exported, rows=exported)
    return exported


def _pack(lines: list[Any]) -> bytes:
    text = "".join(f"{line['line']}\n" for line in lines)
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(text.encode())


async def _verify(run: Run, name: str) -> None:
    """Read every part of the partition back. Raises Permanent where one is not what was put there."""
    store = store_of(run)
    for part in await run.services.pool.fetch(statements.READ_ARCHIVED_PARTS, name):
        try:
            packed = await store.get(part["object_key"], bucket=part["bucket"])
        except NoSuchObject as error:
            raise Permanent(f"part {part['part']} of {name} is not in the archive") from error
        if hashlib.sha256(packed).digest() != part["sha256"] or await asyncio.to_thread(_lines, packed) != part["rows"]:
            raise Permanent(f"part {part['part']} of {name} is not in the archive as it was put there")


def _lines(packed: bytes) -> int:
    with zstandard.ZstdDecompressor().stream_reader(packed) as reader:
        return sum(piece.count(b"\n") for piece in iter(lambda: reader.read(1 << 20), b""))


async def _drop(run: Run, name: str) -> None:
    """Drop the partition. Raises Transient where it holds other rows than the archive, or some that are not audited."""
    connection: Any
    async with run.services.pool.acquire() as connection, connection.transaction():
        parts = await connection.fetch(statements.READ_ARCHIVED_PARTS, name)
        rows = sum(part["rows"] for part in parts)
        try:
            await _locking(connection.fetchval(statements.DROP_REQUEST_PARTITION, name, rows))
        except asyncpg.ObjectNotInPrerequisiteStateError as error:
            raise Transient(f"{name} cannot go yet: it has changed, or is not all in the audit trail") from error
        await connection.execute(statements.SETTLE_ARCHIVED_PARTS, name, run.services.clock())
    _log.info("request_partition_dropped", partition=name)


async def _locking(asked: Any) -> Any:
    """What is asked, which locks a table that every sync writes. Raises Transient where the lock is not to be had."""
    try:
        return await asked
    except asyncpg.LockNotAvailableError as error:
        raise Transient("the request log is locked by somebody else", retry_after=_BUSY) from error


CLEANUP_SYNC_LOGS: Final = Job(
    name="cleanup_sync_logs",
    queue=Queue.CLEANUP,
    arguments=NoArguments,
    handler=cleanup_sync_logs,
    time_limit=dt.timedelta(hours=2),
    retry=RetryPolicy(attempts=6, first=dt.timedelta(minutes=1), longest=dt.timedelta(hours=1)),
    exclusive=True,
    summary="Moves the log of sync requests of half a year ago into the archive, month by month.",
)
