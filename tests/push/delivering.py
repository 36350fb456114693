"""Devices, conflicts and attempts of runs, for tests of what is delivered to whom."""

import datetime as dt
import uuid
from typing import Any

import asyncpg
import msgspec

from jobs.claims import Ending, claim
from jobs.enqueue import enqueue
from jobs.model import AnyJob, Origin
from jobs.services import JobServices
from jobs.wrapper import execute, run_of
from projections.model import DeviceRegistration, PushTarget
from projections.queries import register_device
from techdengue.domain.access import Caller, Role

from .clock import Clock

CUIABA = "5103403"
SINOP = "5107909"


class Site:
    """A database, seen by a superuser, and jobs that are run on it attempt by attempt; the clock is the test's."""

    def __init__(self, owner: "asyncpg.Connection[Any]", services: JobServices, clock: Clock) -> None:
        self.owner = owner
        self.services = services
        self.clock = clock

    async def device(
        self,
        device_id: str,
        user: str,
        value: str | None = None,
        *,
        role: Role = Role.CAMPO,
        municipios: tuple[str, ...] = (CUIABA,),
        kind: str = "token",
    ) -> None:
        """A device of the user, registered as its app does; seen at the clock's time."""
        target = PushTarget(kind=kind, value=value or f"to-{device_id}")  # type: ignore[arg-type]  # one of two words
        owner = Caller(user=user, role=role, municipios=frozenset(municipios))
        registered = await register_device(self.owner, device_id, user, DeviceRegistration(push=target), owner=owner)
        assert registered is not None
        await self.seen(device_id, self.clock())

    async def seen(self, device_id: str, moment: dt.datetime) -> None:
        """It was registered at this time."""
        await self.owner.execute(
            "UPDATE techdengue.device SET refreshed_at = $2 WHERE device_id = $1", device_id, moment
        )

    async def conflict(self, *, device: str = "d-ana", user: str = "ana", municipio: str = CUIABA) -> uuid.UUID:
        """An open conflict that this device wrote."""
        conflict_id = uuid.uuid4()
        await self.owner.execute(
            "INSERT INTO projections.conflict (conflict_id, municipio_cod_ibge, entity_type, entity_id, stream,"
            " sequence, conflict_type, device_id, user_id, opened_at) VALUES"
            " ($1, $2, 'atividade', 'a-1', 'atividade/a-1', 2, 'update_update', $3, $4, $5)",
            conflict_id,
            municipio,
            device,
            user,
            self.clock(),
        )
        return conflict_id

    async def attempt(
        self, job: AnyJob, arguments: msgspec.Struct, *, key: str | None = None, due_at: dt.datetime | None = None
    ) -> Ending:
        """One attempt of the run of this key, through the wrapper; a later one does not wait for its time."""
        pool = self.services.pool
        async with pool.acquire() as connection, connection.transaction():
            run_id = await enqueue(connection, job, arguments, key=key, origin=Origin.REQUEST, due_at=due_at)
        await self.owner.execute("UPDATE jobs.run SET next_at = now() WHERE run_id = $1", run_id)
        [claimed] = await claim(pool, job.queue, [job.name], 1, "the test")
        assert claimed.run_id == run_id
        return await execute(claimed, job, run_of(claimed, self.services, "the test"))

    async def states(self) -> dict[str, str]:
        """The state of the delivery to each device."""
        rows = await self.owner.fetch("SELECT device_id, state FROM jobs.push_delivery")
        return {row["device_id"]: row["state"] for row in rows}

    async def off(self, device_id: str) -> str | None:
        """Why a device's target is off."""
        reason: str | None = await self.owner.fetchval(
            "SELECT push_off_reason FROM techdengue.device WHERE device_id = $1", device_id
        )
        return reason
