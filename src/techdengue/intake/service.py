"""The intake: operations in, outcomes out, and the only writer of the log.

Committers take what waits in the queue, one group at a time each; how many there are is in grouping.py.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg
import structlog
from msgspec import UNSET

from eventstore import DATABASE_AWAY
from projections.naming import rfc3339
from techdengue import telemetry
from techdengue.domain.access import Caller
from techdengue.domain.operation import Choice
from techdengue.domain.validation import InvalidOperation, ValidOperation, validate
from techdengue.settings import Settings

from .answering import fail
from .answers import refusal_of_invalid, refusal_of_malformed
from .errors import ConflictAlreadyResolved, ConflictNotFound, SealRefused, Unavailable
from .group import Committed, GroupCommit, Queued, hint_nobody, tell_nobody
from .grouping import grouping_of
from .jobs import BatchJob, Job, SealJob, SettlementJob
from .model import Batch, Malformed, Refusal, Resolution, Resolved, Seal, Sealed, SyncAnswer
from .off_loop import off_loop
from .queue import Queue
from .settling import AlreadySettled, check_resolution
from .statements import FIND_CONFLICT

_TRY_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.UniqueViolationError)
_RETRY_AFTER = 2
_GIVEN_UP = "TD001"
"""What techdengue.mark_verified raises."""
_MOST_SETTLEMENTS = 10
"""How often a settlement is tried while another one of the same conflict is on its way to disk."""

log = structlog.get_logger(__name__)


class Intake:
    """The use case. `pool` gives connections of the role `techdengue_intake`; `alone`: no other worker shares the port;
    `committed` is told of every commit, `queued` of those that jobs follow from."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        settings: Settings,
        *,
        alone: bool = True,
        committed: Committed = tell_nobody,
        queued: Queued = hint_nobody,
    ) -> None:
        self._pool = pool
        self._group = GroupCommit(committed, queued)
        self._settings = settings
        self._grouping = grouping_of(settings, alone=alone)
        self._queue = Queue(operations=settings.queue_operations, size=settings.queue_bytes)
        self._committers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Start the committers."""
        self._committers = [
            asyncio.create_task(self._commit_for_ever(), name=f"committer-{number}")
            for number in range(self._grouping.committers)
        ]

    async def stop(self) -> None:
        """Take nothing more, commit what waits, and end."""
        self._stopping = True
        self._queue.close()
        await asyncio.gather(*self._committers)

    def waiting(self) -> int:
        """Operations that wait for their commit."""
        return len(self._queue)

    async def submit(self, batch: Batch) -> SyncAnswer:
        """Take one device's batch; answered once it is on disk. Raises Overloaded, Unavailable, DeviceTaken."""
        job = BatchJob(batch, await off_loop(batch.size, _prepare_all, batch.operations))
        self._enqueue(job)
        answer = await job.future
        telemetry.SYNC_PROCESSING_DURATION.observe(time.monotonic() - batch.arrived)
        return answer

    async def resolve_conflict(self, caller: Caller, conflict_id: str, resolution: Resolution) -> Resolved:
        """Settle a parked conflict. Raises ConflictNotFound, ConflictAlreadyResolved, ResolutionRefused,
        Overloaded, Unavailable."""
        for _ in range(_MOST_SETTLEMENTS):
            row = await self._find_conflict(caller, conflict_id)
            job = SettlementJob(
                caller=caller,
                conflict_id=conflict_id,
                tenant=row["municipio_cod_ibge"],
                stream=row["stream"],
                sequence=row["sequence"],
                resolution=resolution,
                arrived=time.monotonic(),
            )
            check_resolution(job)
            self._enqueue(job)
            try:
                return await job.future
            except AlreadySettled:
                # One that was still open may have been settled by this very decision, sent twice: ask again.
                if row["status"] == "resolved":
                    raise ConflictAlreadyResolved(_settled_before(conflict_id, row)) from None
        raise Unavailable(retry_after=1, reason="others are settling this conflict; look at it again")

    async def seal(self, caller: Caller, seal: Seal) -> Sealed:
        """Record what the server has found out, on this caller's call; answered once it is on disk.

        Raises SealRefused, Overloaded, Unavailable.
        """
        job = SealJob(caller, seal, arrived=time.monotonic())
        self._enqueue(job)
        return await job.future

    def _enqueue(self, job: Job) -> None:
        if self._stopping:
            raise Unavailable(retry_after=_RETRY_AFTER, reason="the server is stopping; send it again")
        self._queue.put(job)

    async def _find_conflict(self, caller: Caller, conflict_id: str) -> Any:
        try:
            wanted = uuid.UUID(conflict_id)
        except ValueError:
            raise ConflictNotFound from None
        try:
            async with self._pool.acquire(timeout=self._settings.database_timeout) as connection:
                row = await connection.fetchrow(FIND_CONFLICT, wanted)
        except DATABASE_AWAY as error:
            raise _away() from error
        if row is None or not caller.may_touch(row["municipio_cod_ibge"]):
            raise ConflictNotFound
        return row

    async def _commit_for_ever(self) -> None:
        while jobs := await self._queue.take(self._grouping.size):
            started = time.monotonic()
            await self._commit(jobs)
            self._queue.committed(sum(job.weight for job in jobs), started)

    async def _commit(self, jobs: Sequence[Job]) -> None:
        """Commit a group; whatever happens, every job is answered."""
        try:
            async with self._pool.acquire(timeout=self._settings.database_timeout) as connection:
                await self._group.commit(connection, jobs)
        except DATABASE_AWAY as error:
            log.warning("database_away", error=type(error).__name__, jobs=len(jobs))
            for job in jobs:
                fail(job, _away())
        except Exception as error:  # noqa: BLE001 - whoever poisoned the group is found by halving it
            await self._isolate([job for job in jobs if not job.future.done()], error)

    async def _isolate(self, jobs: Sequence[Job], error: Exception) -> None:
        """Commit the halves of a failed group apart, so that only what is poisonous fails."""
        for job in jobs:
            job.attempts += 1
        if len(jobs) > 1:
            middle = len(jobs) // 2
            await self._commit(jobs[:middle])
            await self._commit(jobs[middle:])
        elif jobs and isinstance(error, _TRY_AGAIN) and jobs[0].attempts <= len(_TRY_AGAIN):
            await self._commit(jobs)
        elif jobs and getattr(error, "sqlstate", None) == _GIVEN_UP:
            fail(jobs[0], SealRefused("its upload was given up meanwhile"))
        elif jobs:
            log.error("job_failed", device_id=jobs[0].device, exc_info=error)
            fail(jobs[0], error)


def _prepare_all(operations: Sequence[Any]) -> tuple[ValidOperation | Refusal, ...]:
    return tuple(_prepare(operation, index) for index, operation in enumerate(operations))


def _prepare(operation: Any, index: int) -> ValidOperation | Refusal:
    if isinstance(operation, Malformed):
        return refusal_of_malformed(operation, index)
    try:
        return validate(operation)
    except InvalidOperation as error:
        return refusal_of_invalid(operation, index, error)


def _away() -> Unavailable:
    return Unavailable(
        retry_after=_RETRY_AFTER, reason="the database is away; send the same operations with the same keys again"
    )


def _settled_before(conflict_id: str, row: Any) -> Resolved:
    return Resolved(
        conflict_id=conflict_id,
        choice=Choice(row["choice"]),
        resolved_by=row["resolved_by"],
        resolved_at=rfc3339(row["resolved_at"]),
        version=row["version"],
        note=UNSET if row["note"] is None else row["note"],
    )
