"""Reports over PostgreSQL and the object store: reading under row-level security, ordering in the role of the jobs."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from jobs import Queue
from jobs.reports import Evidenced, Order, ReportsWanted, order, queries, verification
from jobs.reports.merkle import Inclusion
from jobs.reports.model import Form, Proof, PublicReport, Report
from jobs.reports.verification import ReportVerification
from projections.model import Page
from projections.queries import Reader, territory
from techdengue.domain.access import Caller
from techdengue.storage import Storage, StorageError

from .problems import Problem, unavailable

_READABLE_FOR: Final = dt.timedelta(minutes=5)
_MEDIA_TYPES: Final = {"pdf": "application/pdf", "json": "application/json"}


class PostgresReports:
    """`pool` gives connections of the role `techdengue_reader`, `jobs` of `techdengue_jobs`; `hint` wakes workers."""

    def __init__(
        self,
        pool: "asyncpg.Pool[Any]",
        jobs: "asyncpg.Pool[Any]",
        *,
        storage: Storage | None,
        hint: Callable[[Collection[Queue]], None],
        public_url: str,
        timeout: float,
    ) -> None:
        self._pool = pool
        self._jobs = jobs
        self._storage = storage
        self._hint = hint
        self._page = f"{public_url.rstrip('/')}/verificar/"
        self._timeout = timeout

    async def order(self, caller: Caller, wanted: Order) -> Report:
        """Note an order, and have it made soon; with a key that was used, what it ordered. Raises KeyReused."""
        async with self._jobs.acquire(timeout=self._timeout) as connection:
            report_id = await order(connection, wanted, dt.datetime.now(dt.UTC))
        self._hint([Queue.REPORTS])
        report = await self.report(caller, report_id)
        assert report is not None  # noqa: S101 - it is of the caller's territory, and nobody deletes reports
        return report

    async def evidenced(self, caller: Caller, municipio: str, atividade_id: str) -> Evidenced:
        """Whether an EVD01 of the activity would have anything to say."""
        async with self._territory(caller) as reader:
            return await queries.evidenced(reader, municipio, atividade_id)

    async def reports(self, caller: Caller, wanted: ReportsWanted, *, cursor: str | None, limit: int) -> Page[Report]:
        """Reports, newest order first."""
        async with self._territory(caller) as reader:
            return await queries.reports(reader, wanted, self._page, cursor=cursor, limit=limit)

    async def report(self, caller: Caller, report_id: uuid.UUID) -> Report | None:
        """One report."""
        async with self._territory(caller) as reader:
            return await queries.report(reader, report_id, self._page)

    async def download(self, caller: Caller, report_id: uuid.UUID, form: Form) -> str:
        """An address from which its file can be had for five minutes.

        Raises Problem: 501 without an object store, 503 while it is away.
        """
        if self._storage is None:
            raise Problem("no_storage", "This server has no object store: it keeps no files")
        async with self._territory(caller) as reader:
            place = await queries.file_place(reader, report_id, form)
        if place is None:
            raise Problem("report_not_found", "The report has no such file")
        headers = {
            "ResponseContentType": _MEDIA_TYPES[form],
            "ResponseContentDisposition": f'attachment; filename="{report_id}.{form}"',
        }
        try:
            return await self._storage.presign_get(
                place.key, expires=_READABLE_FOR, headers=headers, bucket=place.bucket
            )
        except StorageError as error:
            raise unavailable("The object store cannot be reached") from error

    async def proof(self, caller: Caller, report_id: uuid.UUID, evidencia_id: str) -> Proof | None:
        """That this evidence is under the report's root."""
        async with self._territory(caller) as reader:
            return await queries.proof(reader, report_id, evidencia_id)

    async def public_report(self, report_id: uuid.UUID) -> PublicReport | None:
        """What anybody may know of it."""
        async with self._pool.acquire(timeout=self._timeout) as connection:
            return await verification.public_report(connection, report_id)

    async def verify_file(self, sha256: bytes, report_id: uuid.UUID | None) -> ReportVerification:
        """Whose file this is."""
        async with self._pool.acquire(timeout=self._timeout) as connection:
            return await verification.verify_file(connection, sha256, report_id)

    async def verify_proof(
        self, record: bytes, inclusion: Inclusion, root: bytes, report_id: uuid.UUID | None
    ) -> ReportVerification:
        """Whether the record is under the root, and whose the root is."""
        async with self._pool.acquire(timeout=self._timeout) as connection:
            return await verification.verify_proof(connection, record, inclusion, root, report_id)

    @asynccontextmanager
    async def _territory(self, caller: Caller) -> AsyncIterator[Reader]:
        async with (
            self._pool.acquire(timeout=self._timeout) as connection,
            territory(connection, caller.municipios) as reader,
        ):
            yield reader
