"""Copies the requests of devices into the trail, and tells the collector of every entry, in order, at least once.

How far it has come is a row of the database, moved when the collector is known to have read what was sent: when it has
ended the connection in order (collector.py). So nothing is lost while the collector or we are away, and what it may not
have read is sent again with its old number. One process does this at a time: the one whose session holds the lock.
"""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import asyncpg
import msgspec
import structlog

from eventstore import DATABASE_AWAY
from techdengue import telemetry
from techdengue.settings import Settings

from .collector import Address, Collector, connected, read_address
from .copying import RequestCopier
from .errors import AuditGap, CollectorLost
from .model import AUDITOR, Recorded
from .statements import LEAD, MOVE_CURSOR, READ_AFTER, READ_PENDING
from .syslog import format_entry, frame

LOCK: Final = 0x7465636841756469
"""`techAudi`"""
_MOST_TOGETHER: Final = 200
_CONNECTIONS: Final = 3
"""The lock's, the copier's, and one more for what is measured."""
_CONNECT_SECONDS: Final = 5.0
_LONGEST_PAUSE_SECONDS: Final = 30.0
_log = structlog.get_logger()


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: between two looks for entries; after which a connection is ended to know what has arrived; that the
    collector may take for anything; before the first attempt to connect again."""

    poll: float = 1.0
    confirm: float = 15.0
    timeout: float = 10.0
    retry: float = 1.0


class Forwarder:
    """Runs beside the workers. `pool` is of the role `techdengue_auditor`; without an address it only copies."""

    def __init__(
        self,
        pool: "asyncpg.Pool[Any]",
        address: Address | None,
        *,
        enterprise_id: int,
        pace: Pace = Pace(),  # noqa: B008 - frozen
    ) -> None:
        self._pool = pool
        self._address = address
        self._enterprise_id = enterprise_id
        self._hostname = socket.getfqdn()
        self._pace = pace

    async def run(self) -> None:
        """Copy and forward until cancelled."""
        while True:
            try:
                async with self._leading() as connection, asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._copy())
                    if self._address is not None:
                        tasks.create_task(self._forward(connection, self._address))
            except* AuditGap as errors:
                telemetry.AUDIT_FAILURES.labels("gap").inc()
                _log.error("audit_gap_found", exc_info=_first(errors))
            except* DATABASE_AWAY as errors:
                _log.warning("audit_waits_for_database", error=type(_first(errors)).__name__)
            except* Exception as errors:  # noqa: BLE001 - whatever it is, the trail is told of as soon as it is over
                telemetry.AUDIT_FAILURES.labels("failed").inc()
                _log.error("audit_forwarder_failed", exc_info=_first(errors))
            await asyncio.sleep(self._pace.retry)

    @contextlib.asynccontextmanager
    async def _leading(self) -> AsyncIterator[Any]:
        """A session that holds the lock; it is ended, not given back, for the lock would stay with it."""
        connection: Any
        async with self._pool.acquire(timeout=self._pace.timeout) as connection:
            try:
                while not await connection.fetchval(LEAD, LOCK):  # noqa: ASYNC110 - another process holds the lock
                    await asyncio.sleep(self._pace.retry)
                yield connection
            finally:
                connection.terminate()
                telemetry.AUDIT_PENDING.set(0)
                telemetry.AUDIT_PENDING_SECONDS.set(0)

    async def _copy(self) -> None:
        """Bring the requests of devices into the trail, and tell how much of it waits."""
        copier = RequestCopier(self._pool, timeout=self._pace.timeout)
        while True:
            copied = await copier.copy()
            if self._address is not None:
                await self._measure()
            if not copied:
                await asyncio.sleep(self._pace.poll)

    async def _measure(self) -> None:
        async with self._pool.acquire(timeout=self._pace.timeout) as connection:
            row = await connection.fetchrow(READ_PENDING)
        oldest = row["oldest_at"]
        telemetry.AUDIT_PENDING.set(row["entries"])
        telemetry.AUDIT_PENDING_SECONDS.set(0 if oldest is None else max(0.0, time.time() - oldest.timestamp()))

    async def _forward(self, connection: Any, address: Address) -> None:
        failures = 0
        while True:
            known = (await connection.fetchrow(READ_PENDING))["position"]
            if not await self._read(connection, known, at_most=1):
                await asyncio.sleep(self._pace.poll)
                continue
            try:
                async with connected(address, seconds=self._pace.timeout) as collector:
                    sent = await self._tell(connection, collector, known)
                    await collector.finish()
                await connection.execute(MOVE_CURSOR, sent)
                failures = 0
            except CollectorLost as error:
                telemetry.AUDIT_FAILURES.labels("collector_away").inc()
                _log.warning("audit_collector_lost", error=error.reason)
                await asyncio.sleep(_backoff(self._pace.retry, failures))
                failures += 1

    async def _tell(self, connection: Any, collector: Collector, known: int) -> int:
        """Send what comes after the last entry that it is known to have, for so long; answers the last one sent."""
        sent, until = known, time.monotonic() + self._pace.confirm
        while time.monotonic() < until:
            try:
                entries = await self._read(connection, sent, at_most=_MOST_TOGETHER)
            except AuditGap:
                break  # what was sent before it shall be known to have arrived
            if entries:
                await collector.send(b"".join(map(self._frame, entries)))
                sent = entries[-1].audit_id
                telemetry.AUDIT_FORWARDED.inc(len(entries))
            if len(entries) < _MOST_TOGETHER:
                await collector.stays(min(self._pace.poll, self._pace.confirm))
        return sent

    async def _read(self, connection: Any, sent: int, *, at_most: int) -> Sequence[Recorded]:
        """The next entries, as far as they are without a hole. Raises AuditGap where the very next one is missing."""
        rows = await connection.fetch(READ_AFTER, sent, at_most)
        entries = [Recorded(**row) for place, row in enumerate(rows, start=sent + 1) if row["audit_id"] == place]
        if rows and not entries:
            raise AuditGap(sent)
        return entries

    def _frame(self, entry: Recorded) -> bytes:
        return frame(format_entry(entry, hostname=self._hostname, enterprise_id=self._enterprise_id))


@contextlib.asynccontextmanager
async def telling(settings: Settings) -> AsyncIterator[None]:
    """Copies and forwards for as long as the block, as the settings say. Raises SettingsError."""
    address = read_address(settings)
    pool = asyncpg.create_pool(
        settings.database_url,
        min_size=0,
        max_size=_CONNECTIONS,
        timeout=_CONNECT_SECONDS,
        command_timeout=settings.database_timeout,
        server_settings={"role": AUDITOR, "application_name": AUDITOR, "jit": "off"},
    )
    await pool
    task = asyncio.create_task(Forwarder(pool, address, enterprise_id=settings.syslog_enterprise_id).run())
    try:
        yield
    finally:
        await end(task)
        pool.terminate()


async def end(task: "asyncio.Task[None]", *, again: float = 1.0) -> None:
    """Cancel until it has ended: a task group that is cancelled while a task of it fails raises only the failure."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=again)


def _backoff(first: float, failures: int) -> float:
    """Exponential with jitter: seconds before another attempt."""
    longest: float = min(_LONGEST_PAUSE_SECONDS, first * 2.0 ** min(failures, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
