"""Months of the request log go to the archive, are compared, and only then go from the database; nothing else goes."""

import asyncio
import datetime as dt
import json
from typing import Any

import asyncpg
import msgspec
import pytest
import zstandard

from jobs import NoArguments
from jobs.upkeep import cleanup_sync_logs as subject
from jobs.upkeep.cleanup_sync_logs import CLEANUP_SYNC_LOGS
from techdengue.audit.copying import RequestCopier
from techdengue.dev.database import Database
from techdengue.storage import Storage, StorageAway
from tests.jobs.conftest import RunJob
from tests.jobs.working import Table

from .conftest import Record

_REQUEST = """
INSERT INTO techdengue.sync_request (device_id, user_id, received_at, municipios)
SELECT 'device-' || n, 'ana', $1::timestamptz + n * interval '1 second', '{5103403}' FROM generate_series(1, $2) AS n
"""
_PARTITIONS = """
SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'techdengue.sync_request'::regclass ORDER BY c.relname
"""
_KEPT = """
SELECT (SELECT count(*) FROM eventstore.event), (SELECT count(key) FROM eventstore.event),
    (SELECT count(*) FROM techdengue.audit)
"""
_WAITS_FOR_THE_LOG = """
SELECT EXISTS (
    SELECT FROM pg_locks AS l
    WHERE l.relation = 'techdengue.sync_request'::regclass AND l.mode = 'AccessExclusiveLock' AND NOT l.granted
)
"""
_MONTHS_OLD = dt.timedelta(days=365)


class Log(msgspec.Struct, frozen=True):
    """The request log of a test, in which a month of a year ago has a partition."""

    table: Table
    storage: Storage
    database: Database

    async def add(self, at: dt.datetime, rows: int) -> None:
        """Requests from this time on, a second apart."""
        await self.table.connection.execute(_REQUEST, at, rows)

    async def audit(self) -> None:
        """All of it comes into the audit trail."""
        async with asyncpg.create_pool(
            self.database.server_url, min_size=0, max_size=1, server_settings={"role": "techdengue_auditor"}
        ) as pool:
            await RequestCopier(pool, timeout=10).copy()

    async def partitions(self) -> list[str]:
        """Their names."""
        return [row["relname"] for row in await self.table.connection.fetch(_PARTITIONS)]

    async def count(self) -> int:
        """All rows."""
        found: int = await self.table.connection.fetchval("SELECT count(*) FROM techdengue.sync_request")
        return found

    async def archived(self) -> list[dict[str, Any]]:
        """Every object that is in the archive, in order."""
        found = []
        for row in await self.table.connection.fetch("SELECT * FROM jobs.archived_requests ORDER BY partition, part"):
            packed = await self.storage.get(row["object_key"], bucket=row["bucket"])
            text = zstandard.ZstdDecompressor().decompressobj().decompress(packed).decode()
            found += [json.loads(line) for line in text.splitlines()]
        return found


@pytest.fixture
async def log(jobs_database: Database, table: Table, storage: Storage) -> Log:
    """A request log with a partition of every month of two years."""
    await table.connection.execute("DELETE FROM techdengue.sync_request")
    first = _month(dt.datetime.now(dt.UTC) - 2 * _MONTHS_OLD)
    await table.connection.execute(
        "ALTER TABLE techdengue.sync_request DETACH PARTITION techdengue.sync_request_before"
    )
    await table.connection.execute("DROP TABLE techdengue.sync_request_before")
    await table.connection.execute("DELETE FROM techdengue.sync_request_partition WHERE name = 'sync_request_before'")
    log = Log(table, storage, jobs_database)
    while first < dt.datetime.now(dt.UTC):
        await log.add(first, 1)
        first = _month(first + dt.timedelta(days=32))
    await table.connection.fetchval("SELECT techdengue.add_request_partitions(3)")
    await table.connection.execute("DELETE FROM techdengue.sync_request")
    return log


def _month(moment: dt.datetime) -> dt.datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _name(moment: dt.datetime) -> str:
    return f"sync_request_{moment:%Y_%m}"


YEAR_AGO = _month(dt.datetime.now(dt.UTC) - _MONTHS_OLD)
"""The first of its month."""
AFTER = _month(YEAR_AGO + dt.timedelta(days=32))
"""The first of the month after."""


async def test_a_month_goes_to_the_archive_180_days_after_its_end_and_not_a_day_before(
    run_job: RunJob, log: Log, storage: Storage
) -> None:
    await log.add(AFTER - dt.timedelta(hours=1), 3)
    await log.add(AFTER, 2)
    await log.audit()
    end = AFTER + dt.timedelta(days=180)
    await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=end - dt.timedelta(seconds=1), storage=storage)
    assert _name(YEAR_AGO) in await log.partitions()
    ending = await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=end, storage=storage)
    assert ending.outcome == "succeeded"
    assert ending.counts is not None
    assert ending.counts["rows_exported"] == 3
    assert _name(YEAR_AGO) not in await log.partitions()
    assert _name(AFTER) in await log.partitions()
    assert await log.count() == 2
    archived = await log.archived()
    assert [row["device_id"] for row in archived] == ["device-1", "device-2", "device-3"]
    assert archived[0]["municipios"] == ["5103403"]
    assert archived[0].keys() >= {"id", "received_at", "user_id", "operations", "error_codes", "address"}


async def test_neither_events_nor_the_memory_of_keys_nor_the_audit_trail_nor_devices_go_with_it(
    run_job: RunJob, log: Log, storage: Storage, record: Record, table: Table
) -> None:
    await record(YEAR_AGO)
    await log.add(YEAR_AGO, 10)
    await log.audit()
    before = tuple(await table.connection.fetchrow(_KEPT))
    await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=dt.datetime.now(dt.UTC), storage=storage)
    assert await log.count() == 0
    assert tuple(await table.connection.fetchrow(_KEPT)) == before == (1, 1, 10)


async def test_what_is_not_in_the_audit_trail_stays(run_job: RunJob, log: Log, storage: Storage) -> None:
    await log.add(YEAR_AGO, 3)
    now = dt.datetime.now(dt.UTC)
    ending = await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=now, storage=storage)
    assert (ending.outcome, await log.count()) == ("retried", 3)
    await log.audit()
    await log.table.connection.execute("DELETE FROM jobs.run")
    ending = await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=now, storage=storage)
    assert (ending.outcome, await log.count()) == ("succeeded", 0)
    assert len(await log.archived()) == 3


class _Dying:
    """The object store, until a call of this name is the last one that it is asked for."""

    def __init__(self, storage: Storage, name: str, calls: int = 0) -> None:
        self._storage = storage
        self._name = name
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            self._calls -= 1
            if self._calls < 0:
                raise StorageAway("killed")
        return getattr(self._storage, name)


@pytest.mark.parametrize(("before", "calls"), [("put", 0), ("put", 2), ("get", 0), ("get", 1)])
async def test_a_run_that_ends_between_export_and_drop_is_gone_on_with_and_nothing_is_there_twice(
    run_job: RunJob, log: Log, storage: Storage, monkeypatch: pytest.MonkeyPatch, before: str, calls: int
) -> None:
    monkeypatch.setattr(subject, "ROWS_A_PART", 4)
    await log.add(YEAR_AGO, 10)
    await log.audit()
    now = dt.datetime.now(dt.UTC)
    ending = await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=now, storage=_Dying(storage, before, calls))
    assert (ending.outcome, await log.count()) == ("retried", 10)
    await log.table.connection.execute("DELETE FROM jobs.run")
    ending = await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=now, storage=storage)
    assert (ending.outcome, await log.count()) == ("succeeded", 0)
    assert [row["device_id"] for row in await log.archived()] == [f"device-{n}" for n in range(1, 11)]
    assert (
        await log.table.connection.fetchval("SELECT count(*) FROM jobs.archived_requests WHERE dropped_at = $1", now)
        == 3
    )


async def test_a_month_that_is_made_again_for_a_late_row_goes_again_beside_what_went_before(
    run_job: RunJob, log: Log, storage: Storage
) -> None:
    now = dt.datetime.now(dt.UTC)
    for rows in (3, 2):
        await log.add(YEAR_AGO, rows)  # the second time into the rest, from where the job takes it into its month
        await log.audit()
        ending = await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=now, storage=storage)
        assert (ending.outcome, await log.count()) == ("succeeded", 0)
        assert _name(YEAR_AGO) not in await log.partitions()
        await log.table.connection.execute("DELETE FROM jobs.run")
    assert [row["device_id"] for row in await log.archived()] == [f"device-{n}" for n in (1, 2, 3, 1, 2)]
    keys = await log.table.connection.fetch("SELECT object_key FROM jobs.archived_requests ORDER BY part")
    name = _name(YEAR_AGO)
    assert [key["object_key"] for key in keys] == [f"sync-requests/{name}/000{n}.ndjson.zst" for n in (1, 2)]


async def test_what_went_before_is_not_asked_of_the_archive_again(run_job: RunJob, log: Log, storage: Storage) -> None:
    now = dt.datetime.now(dt.UTC)
    await log.add(YEAR_AGO, 3)
    await log.audit()
    await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=now, storage=storage)
    await log.table.connection.execute("DELETE FROM jobs.run")
    gone = await log.table.connection.fetchrow("SELECT * FROM jobs.archived_requests")
    await storage.delete_many([gone["object_key"]], bucket=gone["bucket"])  # kept for as long as the archive keeps
    await log.add(YEAR_AGO, 2)
    await log.audit()
    ending = await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=now, storage=storage)
    assert (ending.outcome, await log.count()) == ("succeeded", 0)


async def test_a_part_that_is_spoilt_in_the_archive_keeps_its_partition(
    run_job: RunJob, log: Log, storage: Storage
) -> None:
    await log.add(YEAR_AGO, 3)
    now = dt.datetime.now(dt.UTC)
    await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=now, storage=storage)  # not audited: exported, kept
    row = await log.table.connection.fetchrow("SELECT * FROM jobs.archived_requests")
    await storage.put(row["object_key"], b"spoilt", content_type="application/zstd", bucket=row["bucket"])
    await log.audit()
    await log.table.connection.execute("DELETE FROM jobs.run")
    ending = await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=now, storage=storage)
    assert (ending.outcome, await log.count()) == ("failed", 3)
    assert ending.error is not None
    assert "not in the archive as it was put there" in ending.error


async def test_partitions_of_the_coming_months_are_made_and_what_fell_into_the_rest_gets_its_own(
    run_job: RunJob, log: Log, storage: Storage
) -> None:
    now = dt.datetime.now(dt.UTC)
    far = _month(now + dt.timedelta(days=200))
    await log.add(far, 5)
    assert _name(far) not in await log.partitions()
    assert await log.count() == 5
    await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=now, storage=storage)
    names = await log.partitions()
    assert _name(far) in names
    assert {_name(_month(_month(now) + dt.timedelta(days=31 * months))) for months in range(1, 4)} <= set(names)
    assert await log.count() == 5
    assert await log.table.connection.fetchval("SELECT count(*) FROM techdengue.sync_request_rest") == 0


async def test_who_may_drop_a_partition_may_drop_no_young_one_none_that_has_changed_and_no_other_table(
    log: Log, jobs_pool: "asyncpg.Pool[Any]"
) -> None:
    drop = "SELECT techdengue.drop_request_partition($1, $2)"
    await log.add(YEAR_AGO, 3)
    await log.audit()
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="not old enough"):
        await jobs_pool.execute(drop, _name(dt.datetime.now(dt.UTC)), 0)
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="has 3 rows, not 2"):
        await jobs_pool.execute(drop, _name(YEAR_AGO), 2)
    for other in ("sync_request_rest", "sync_request", "audit", "device"):
        with pytest.raises(asyncpg.NoDataFoundError):
            await jobs_pool.execute(drop, other, 0)
    for statement in ("DELETE FROM techdengue.sync_request", "DROP TABLE techdengue.sync_request_rest"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await jobs_pool.execute(statement)


async def test_requests_go_on_while_a_partition_goes_and_one_that_holds_it_is_waited_for_only_so_long(
    run_job: RunJob, log: Log, storage: Storage, jobs_database: Database
) -> None:
    await log.add(YEAR_AGO, 3)
    await log.audit()
    holder = await asyncpg.connect(jobs_database.owner_url)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute(
        "INSERT INTO techdengue.sync_request (device_id, user_id, received_at) VALUES ('d', 'u', now())"
    )
    now = dt.datetime.now(dt.UTC)
    ending = await run_job(CLEANUP_SYNC_LOGS, NoArguments(), now=now, storage=storage)
    assert (ending.outcome, ending.error) == ("retried", "Transient: the request log is locked by somebody else")
    async with asyncio.timeout(10):
        await log.add(now, 1)
    await transaction.commit()
    await holder.close()


async def test_who_reads_the_log_while_a_partition_goes_is_in_no_deadlock_with_it(
    log: Log, jobs_pool: "asyncpg.Pool[Any]", jobs_database: Database
) -> None:
    await log.add(YEAR_AGO, 3)
    await log.audit()
    reader = await asyncpg.connect(jobs_database.owner_url)
    async with reader.transaction():
        await reader.execute("LOCK TABLE ONLY techdengue.sync_request IN ACCESS SHARE MODE")
        drop = jobs_pool.fetchval("SELECT techdengue.drop_request_partition($1, 3)", _name(YEAR_AGO))
        dropping = asyncio.create_task(drop)
        async with asyncio.timeout(30):
            while not (dropping.done() or await log.table.connection.fetchval(_WAITS_FOR_THE_LOG)):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
        assert await reader.fetchval("SELECT count(*) FROM techdengue.sync_request") == 3
    await reader.close()
    ended: Any = (await asyncio.gather(dropping, return_exceptions=True))[0]
    assert ended is None or isinstance(ended, asyncpg.LockNotAvailableError)  # it waits for 2 s, on any machine
