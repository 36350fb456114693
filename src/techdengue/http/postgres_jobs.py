"""Background jobs over PostgreSQL: read as the caller may, changed in the role of the jobs, hinted after the commit."""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg
import msgspec

from jobs import Dispatcher, requests
from jobs import queries as subject
from jobs.catalogue import JOBS
from jobs.model import AnyJob
from jobs.queries import RunsWanted
from jobs.views import JobRun, JobsOverview
from projections import queries
from techdengue.domain.access import ALL_MUNICIPIOS, Caller


class PostgresJobs:
    """`readers` gives connections of the role `techdengue_reader`, `pool` of `techdengue_jobs`."""

    catalogue: Mapping[str, AnyJob] = JOBS

    def __init__(self, readers: asyncpg.Pool, pool: asyncpg.Pool, dispatcher: Dispatcher, *, timeout: float) -> None:
        self._readers = readers
        self._pool = pool
        self._dispatcher = dispatcher
        self._timeout = timeout

    async def overview(self, caller: Caller, wanted: RunsWanted, *, cursor: str | None, limit: int) -> JobsOverview:
        """Runs, queues and schedules. Raises CursorFromElsewhere."""
        async with self._territory(caller.municipios) as reader:
            return await subject.overview(reader, self.catalogue, wanted, cursor=cursor, limit=limit)

    async def run(self, caller: Caller, run_id: uuid.UUID) -> JobRun | None:
        """One run of the caller's territory."""
        async with self._territory(caller.municipios) as reader:
            return await subject.read_run(reader, run_id)

    async def start(self, caller: Caller, job: AnyJob, arguments: msgspec.Struct, *, key: str | None) -> JobRun:
        """Queue a run, or answer the one of this key. Raises KeyReused."""
        async with self._pool.acquire(timeout=self._timeout) as connection:
            run_id = await requests.start(connection, job, arguments, requested_by=caller.user, key=key)
        self._dispatcher.hint([job.queue])
        async with self._territory(ALL_MUNICIPIOS) as reader:
            run = await subject.read_run(reader, run_id)
        assert run is not None  # noqa: S101 - it was committed, and no run is ever deleted within a request
        return run

    async def cancel(self, run_id: uuid.UUID) -> bool:
        """Whether it had not ended."""
        async with self._pool.acquire(timeout=self._timeout) as connection:
            return await requests.cancel(connection, run_id) is not None

    async def retry(self, run_id: uuid.UUID, job: str) -> bool:
        """Whether it was a dead letter, or cancelled."""
        async with self._pool.acquire(timeout=self._timeout) as connection:
            queued = await requests.retry(connection, run_id, job)
        if queued and job in self.catalogue:
            self._dispatcher.hint([self.catalogue[job].queue])
        return queued

    @asynccontextmanager
    async def _territory(self, municipios: frozenset[str]) -> AsyncIterator[queries.Reader]:
        async with (
            self._readers.acquire(timeout=self._timeout) as connection,
            queries.territory(connection, municipios) as reader,
        ):
            yield reader
