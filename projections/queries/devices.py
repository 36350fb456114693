"""Devices: what their users ask about them, and who owns them.

`device_status` reads as the reader; the functions that write want a connection of the intake's role.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg
from msgspec import UNSET, UnsetType

from projections.model import Device, DeviceRegistration, DeviceStatus, PushState, PushTarget
from projections.naming import rfc3339
from projections.sql_statements import STATEMENTS
from techdengue.domain.access import Caller
from techdengue.domain.operation import Outcome

from .territory import Reader


async def device_status(reader: Reader, device_id: str) -> DeviceStatus | None:
    """What the device has in the log, as of now; None when neither the log nor the registry knows it."""
    row = await reader.connection.fetchrow(STATEMENTS["read_device_status"], device_id)
    counts = {outcome.value: int(row[outcome.value]) for outcome in Outcome}
    last_sync = _latest(row["last_request_at"], row["last_received_at"])
    if last_sync is None and row["owner"] is None:
        return None
    offset = row["clock_offset_us"]
    return DeviceStatus(
        device_id=device_id,
        registered=bool(row["registered"]),
        user_id=row["owner"],
        last_sync_at=None if last_sync is None else rfc3339(last_sync),
        last_effective_time=_moment(row["last_effective_time"]),
        operations=sum(counts.values()),
        operations_by_outcome=counts,
        open_conflicts=row["open_conflicts"],
        errors_last_day=row["errors_last_day"],
        clock_offset_ms=None if offset is None else round(offset / 1000),
        behind=await _is_behind(reader, device_id, row["last_position"] or 0),
    )


async def device_owners(connection: asyncpg.Connection, device_ids: Sequence[str]) -> dict[str, str]:
    """The users whose devices these are, by device; nobody's are left out."""
    rows = await connection.fetch(STATEMENTS["read_device_owners"], device_ids)
    return {row["device_id"]: row["owner"] for row in rows}


async def device_owner(connection: asyncpg.Connection, device_id: str) -> str | None:
    """The user to whom the device belongs, also after it was forgotten; None when nobody registered it."""
    return await connection.fetchval(STATEMENTS["read_device_owner"], device_id)  # type: ignore[no-any-return]  # untyped


async def register_device(
    connection: asyncpg.Connection,
    device_id: str,
    user: str,
    registration: DeviceRegistration,
    *,
    owner: Caller | None = None,
) -> Device | None:
    """Register or refresh a device; None when it belongs to another user, and then nothing changes.

    `owner` is the caller where that is who owns the device: their role and territory are kept. A push target that other
    devices have moves to this one.
    """
    target = _push_target(registration)
    values: list[Any] = [target is not UNSET, *((target.kind, target.value) if target else (None, None))]
    for value in (registration.platform, registration.model, registration.app_version):
        values += [value is not UNSET, None if value is UNSET else value]
    values += [None, None] if owner is None else [owner.role.value, sorted(owner.municipios)]
    async with connection.transaction():
        if target:
            await connection.fetchval(STATEMENTS["hold_push_target"], target.value)
            await connection.fetch(STATEMENTS["hold_devices"], device_id, target.value)
        row = await connection.fetchrow(STATEMENTS["register_device"], device_id, user, *values)
        if target and row is not None:
            await connection.execute(STATEMENTS["move_push_target"], device_id, target.value)
    return None if row is None else _device(row)


def _push_target(registration: DeviceRegistration) -> PushTarget | UnsetType | None:
    if registration.push is not UNSET:
        return registration.push
    token = registration.fcm_token
    return PushTarget(kind="token", value=token) if isinstance(token, str) else token


async def forget_device(connection: asyncpg.Connection, device_id: str) -> bool:
    """Drop the device's push target and description; its owner is kept. False when there is no such device."""
    return await connection.fetchval(STATEMENTS["forget_device"], device_id) is not None


async def _is_behind(reader: Reader, device_id: str, position: int) -> bool:
    tenants = reader.tenants
    if tenants is None:
        found = await reader.connection.fetchval(STATEMENTS["is_behind_everywhere"], position, device_id)
    else:
        found = await reader.connection.fetchval(STATEMENTS["is_behind_of_territory"], position, device_id, tenants)
    return bool(found)


def _device(row: Any) -> Device:
    return Device(
        device_id=row["device_id"],
        user_id=row["owner"],
        platform=row["platform"],
        model=row["model"],
        app_version=row["app_version"],
        has_push_token=row["has_push_token"] and row["push_off_at"] is None,
        push=None if row["push_kind"] is None else _push_state(row),
        registered_at=rfc3339(row["registered_at"]),
        updated_at=rfc3339(row["refreshed_at"]),
    )


def _push_state(row: Any) -> PushState:
    return PushState(
        kind=row["push_kind"],
        active=row["has_push_token"] and row["push_off_at"] is None,
        deactivated_at=_moment(row["push_off_at"]),
        reason=row["push_off_reason"],
    )


def _latest(*moments: Any) -> Any:
    return max((moment for moment in moments if moment is not None), default=None)


def _moment(moment: Any) -> str | None:
    return None if moment is None else rfc3339(moment)
