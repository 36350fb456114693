"""Writes the trail: whatever arrived while the last write was in flight goes together, so that it costs little.

What was read is answered after its entry is on disk, or not at all. What was denied is told of without waiting: a
refusal shows nobody anything, and must stay possible while the database is away.
"""

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import asyncpg
import structlog

from eventstore import DATABASE_AWAY
from techdengue import telemetry

from .errors import AuditUnavailable
from .model import Entry, storable
from .statements import ADD

MOST_WAITING: Final = 10_000
_MOST_TOGETHER: Final = 500
_PAUSE_SECONDS: Final = 1.0
_log = structlog.get_logger()

_Waiting = tuple[Entry, "asyncio.Future[None] | None"]


class AuditTrail:
    """The trail, written through a pool of the role `techdengue_auditor`; `timeout` is seconds."""

    def __init__(self, pool: "asyncpg.Pool[Any]", *, timeout: float, most_waiting: int = MOST_WAITING) -> None:
        self._pool = pool
        self._timeout = timeout
        self._most_waiting = most_waiting
        self._waiting: collections.deque[_Waiting] = collections.deque()
        self._wanted = asyncio.Event()
        self._stopping = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Writes for as long as the block, and at its end what is left."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write_often())
            try:
                yield
            finally:
                self._stopping = True
                self._wanted.set()

    async def record(self, entry: Entry) -> None:
        """Answer once the entry is on disk. Raises AuditUnavailable."""
        if len(self._waiting) >= self._most_waiting:
            telemetry.AUDIT_FAILURES.labels("queue_full").inc()
            raise AuditUnavailable("too many entries are waiting to be written")
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, written))
        self._wanted.set()
        await written

    def note(self, entry: Entry) -> None:
        """Write the entry without being waited for; dropped, and counted, where too many wait already."""
        if len(self._waiting) >= self._most_waiting:
            self._lose(1)
            return
        self._waiting.append((entry, None))
        self._wanted.set()

    async def _write_often(self) -> None:
        while self._waiting or not self._stopping:
            await self._wanted.wait()
            group = self._take()
            try:
                await self._write([entry for entry, _ in group])
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing of the group is known to be on disk
                self._refuse(group, error)
                await self._pause()
            else:
                _answer(group)

    async def _pause(self) -> None:
        """Before what nobody waits for is tried again; at the end there is no again."""
        if self._stopping:
            self._lose(sum(written is None for _, written in self._waiting))
            for _, written in self._waiting:
                _tell(written, AuditUnavailable("the server is stopping"))
            self._waiting.clear()
        elif self._waiting:
            await asyncio.sleep(_PAUSE_SECONDS)

    def _take(self) -> list[_Waiting]:
        group = [self._waiting.popleft() for _ in range(min(_MOST_TOGETHER, len(self._waiting)))]
        if not self._waiting and not self._stopping:
            self._wanted.clear()
        return group

    async def _write(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        async with self._pool.acquire(timeout=self._timeout) as connection:
            await connection.execute(ADD, [_row(entry) for entry in entries], timeout=self._timeout)
        for entry in entries:
            telemetry.AUDIT_ENTRIES.labels(entry.action.value, entry.outcome.value).inc()

    def _refuse(self, group: Sequence[_Waiting], error: Exception) -> None:
        """Who waits is told; what nobody waits for waits for better times."""
        away = isinstance(error, DATABASE_AWAY)
        telemetry.AUDIT_FAILURES.labels("database_away" if away else "failed").inc()
        if away:
            _log.warning("audit_not_written", entries=len(group), error=type(error).__name__)
        else:
            _log.error("audit_not_written", entries=len(group), exc_info=error)
        for _, written in group:
            _tell(written, AuditUnavailable("the entry could not be written"))
        notes: list[_Waiting] = [(entry, None) for entry, written in group if written is None] if away else []
        self._lose(sum(written is None for _, written in group) - len(notes))
        self._waiting.extendleft(reversed(notes))
        if notes:
            self._wanted.set()

    def _lose(self, entries: int) -> None:
        if entries:
            telemetry.AUDIT_LOST.inc(entries)
            _log.error("audit_entries_lost", entries=entries)


def _answer(group: Sequence[_Waiting]) -> None:
    for _, written in group:
        _tell(written, None)


def _tell(written: "asyncio.Future[None] | None", failure: AuditUnavailable | None) -> None:
    """Tell who waits, unless nobody does any more."""
    if written is None or written.done():
        return
    if failure is None:
        written.set_result(None)
    else:
        written.set_exception(failure)


def _row(entry: Entry) -> tuple[Any, ...]:
    return (
        storable(entry.user),
        entry.role,
        storable(entry.device_id),
        entry.action.value,
        storable(entry.target_type),
        storable(entry.target_id),
        entry.municipios,
        entry.address,
        storable(entry.request_id),
        entry.outcome.value,
        entry.status,
        entry.code,
    )
