"""The readers over PostgreSQL: each call a read-only transaction in which the caller's territory is set."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from eventstore import PostgresEventStore
from projections import queries, status
from projections.model import (
    Conflict,
    ConflictDetail,
    Device,
    DeviceRegistration,
    DeviceStatus,
    Document,
    EntityAsOf,
    Event,
    HistoryEvent,
    Page,
    ProjectionStatus,
)
from projections.queries import ConflictsWanted, Cut, EventsWanted
from techdengue.audit import AuditEntry, AuditWanted
from techdengue.audit import entries as audit_entries
from techdengue.domain.access import ALL_MUNICIPIOS, Caller


class PostgresReaders:
    """`pool` gives connections of the role `techdengue_reader`, `registrar` of a role that may write devices."""

    def __init__(self, pool: asyncpg.Pool, registrar: asyncpg.Pool, *, timeout: float) -> None:
        self._pool = pool
        self._registrar = registrar
        self._timeout = timeout

    async def changes(
        self, caller: Caller, *, cursor: str | None, limit: int, entity_type: str | None
    ) -> Page[Document]:
        """The entities that changed since the cursor, each once in its newest state."""
        async with self._territory(caller) as reader:
            return await queries.changes(reader, cursor=cursor, limit=limit, entity_type=entity_type)

    async def device_status(self, caller: Caller, device_id: str) -> DeviceStatus | None:
        """What a device has sent, and whether it is behind."""
        async with self._territory(caller) as reader:
            return await queries.device_status(reader, device_id)

    async def entity(self, caller: Caller, entity_type: str, entity_id: str, municipio: str | None) -> Document | None:
        """The document now. Raises SeveralEntities."""
        async with self._territory(caller) as reader:
            return await queries.entity(reader, entity_type, entity_id, municipio=municipio)

    async def entity_as_of(
        self,
        caller: Caller,
        entity_type: str,
        entity_id: str,
        municipio: str | None,
        *,
        cut: Cut,
        provenance: bool,
    ) -> EntityAsOf | None:
        """The document as a cut of the log leaves it. Raises SeveralEntities."""
        async with self._territory(caller) as reader:
            return await queries.entity_as_of(
                reader, entity_type, entity_id, municipio=municipio, cut=cut, provenance=provenance
            )

    async def history(
        self,
        caller: Caller,
        entity_type: str,
        entity_id: str,
        municipio: str | None,
        *,
        cursor: str | None,
        limit: int,
    ) -> Page[HistoryEvent] | None:
        """An entity's events with their diffs. Raises SeveralEntities."""
        async with self._territory(caller) as reader:
            return await queries.history(
                reader, entity_type, entity_id, municipio=municipio, cursor=cursor, limit=limit
            )

    async def events(self, caller: Caller, wanted: EventsWanted, *, cursor: str | None, limit: int) -> Page[Event]:
        """The log, filtered."""
        async with self._territory(caller) as reader:
            return await queries.events(reader, wanted, cursor=cursor, limit=limit)

    async def conflicts(
        self, caller: Caller, wanted: ConflictsWanted, *, cursor: str | None, limit: int
    ) -> Page[Conflict]:
        """The manual queue, oldest first."""
        async with self._territory(caller) as reader:
            return await queries.conflicts(reader, wanted, cursor=cursor, limit=limit)

    async def conflict(self, caller: Caller, conflict_id: uuid.UUID) -> ConflictDetail | None:
        """One conflict, leaf by leaf."""
        async with self._territory(caller) as reader:
            return await queries.conflict(reader, conflict_id)

    async def audit(self, caller: Caller, wanted: AuditWanted, *, cursor: str | None, limit: int) -> Page[AuditEntry]:
        """The audit trail, newest first."""
        async with self._territory(caller) as reader:
            return await audit_entries(reader, wanted, cursor=cursor, limit=limit)

    async def device_owner(self, device_id: str) -> str | None:
        """The user whose device this is; None where nobody has it."""
        async with self._pool.acquire(timeout=self._timeout) as connection:
            return await queries.device_owner(connection, device_id)

    async def device_owners(self, device_ids: Sequence[str]) -> Mapping[str, str]:
        """The users whose devices these are, by device; nobody's are left out."""
        async with self._pool.acquire(timeout=self._timeout) as connection:
            return await queries.device_owners(connection, device_ids)

    async def register_device(
        self, caller: Caller, user: str, device_id: str, registration: DeviceRegistration
    ) -> Device | None:
        """Register or refresh a device of this user; None where another one has it."""
        owner = caller if caller.user == user else None
        async with self._registrar.acquire(timeout=self._timeout) as connection:
            return await queries.register_device(connection, device_id, user, registration, owner=owner)

    async def forget_device(self, device_id: str) -> bool:
        """Forget a device; whether there was one."""
        async with self._registrar.acquire(timeout=self._timeout) as connection:
            return await queries.forget_device(connection, device_id)

    async def tail(self) -> int:
        """The log's last position."""
        async with self._pool.acquire(timeout=self._timeout) as connection:
            return await PostgresEventStore(connection).tail()

    async def identity(self) -> str:
        """Which log this is."""
        async with (
            self._pool.acquire(timeout=self._timeout) as connection,
            queries.territory(connection, frozenset()) as reader,
        ):
            return reader.log

    async def projections(self) -> list[ProjectionStatus]:
        """How far every projection has followed the log of all municípios."""
        async with (
            self._pool.acquire(timeout=self._timeout) as connection,
            queries.territory(connection, ALL_MUNICIPIOS),
        ):
            return await status(connection)

    @asynccontextmanager
    async def _territory(self, caller: Caller) -> AsyncIterator[queries.Reader]:
        connection: Any
        async with (
            self._pool.acquire(timeout=self._timeout) as connection,
            queries.territory(connection, caller.municipios) as reader,
        ):
            yield reader
