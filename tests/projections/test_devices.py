"""A device belongs to the user who first registered it."""

import asyncio

import asyncpg
import pytest

from projections.model import DeviceRegistration, PushState, PushTarget
from projections.queries import device_owner, device_status, forget_device, register_device, territory
from techdengue.domain.access import Caller, Role

from .conftest import Connect
from .history import CUIABA, SINOP


async def test_what_is_not_sent_stays_and_null_removes(connect: Connect) -> None:
    intake = await connect("techdengue_intake")
    first = await register_device(
        intake, "d", "ana", DeviceRegistration(fcm_token="t", platform="android", model="moto g")
    )
    again = await register_device(intake, "d", "ana", DeviceRegistration(app_version="2.1", model=None))
    assert first is not None
    assert (first.has_push_token, first.platform, first.app_version) == (True, "android", None)
    assert again is not None
    assert (again.has_push_token, again.platform, again.model, again.app_version) == (True, "android", None, "2.1")
    removed = await register_device(intake, "d", "ana", DeviceRegistration(fcm_token=None))
    assert removed is not None
    assert not removed.has_push_token


async def test_another_user_takes_a_device_only_once_it_is_forgotten(
    connect: Connect, reader: asyncpg.Connection
) -> None:
    intake = await connect("techdengue_intake")
    await register_device(intake, "d", "ana", DeviceRegistration(fcm_token="t"))
    assert await register_device(intake, "d", "bia", DeviceRegistration()) is None
    assert await forget_device(intake, "d")
    assert await device_owner(intake, "d") is None
    async with territory(reader, frozenset({"*"})) as everywhere:
        shown = await device_status(everywhere, "d")
    assert shown is not None
    assert (shown.user_id, shown.registered, shown.operations) == ("ana", False, 0)
    taken = await register_device(intake, "d", "bia", DeviceRegistration())
    assert taken is not None
    assert (taken.has_push_token, await device_owner(intake, "d")) == (False, "bia")
    assert not await forget_device(intake, "nobody's")
    assert await device_owner(intake, "nobody's") is None


async def _row(owner: asyncpg.Connection, device: str) -> tuple[object, ...]:
    row = await owner.fetchrow(
        "SELECT push_kind, push_token, push_off_reason, owner_role, owner_municipios FROM techdengue.device"
        " WHERE device_id = $1",
        device,
    )
    assert row is not None
    return tuple(row)


def _at(value: str, kind: str = "token") -> DeviceRegistration:
    return DeviceRegistration(push=PushTarget(kind=kind, value=value))  # type: ignore[arg-type]  # one of two words


async def test_another_target_takes_the_place_of_the_first(connect: Connect, owner: asyncpg.Connection) -> None:
    intake = await connect("techdengue_intake")
    for registration in (DeviceRegistration(fcm_token="t1"), _at("t2"), _at("f1", "fid")):
        device = await register_device(intake, "d", "ana", registration)
    assert device is not None
    assert device.push == PushState(kind="fid", active=True, deactivated_at=None, reason=None)
    assert (await _row(owner, "d"))[:2] == ("fid", "f1")


async def test_a_target_that_another_device_has_moves_to_the_new_one(
    connect: Connect, owner: asyncpg.Connection
) -> None:
    intake = await connect("techdengue_intake")
    token = "t" * 4096
    await register_device(intake, "old", "ana", _at(token))
    await register_device(intake, "other", "ana", _at("t"))
    moved = await register_device(intake, "new", "bia", _at(token))
    assert moved is not None
    assert moved.has_push_token
    assert [(await _row(owner, device))[:3] for device in ("old", "other", "new")] == [
        ("token", None, "moved"),
        ("token", "t", None),
        ("token", token, None),
    ]


async def test_devices_that_register_one_target_at_once_leave_it_with_one_of_them(
    connect: Connect, owner: asyncpg.Connection
) -> None:
    connections = [await connect("techdengue_intake") for _ in range(6)]
    for turn in range(5):
        values = [f"t-{(number + turn) % 3}" for number in range(6)]
        await asyncio.gather(
            *(
                register_device(connection, f"d-{number}", "ana", _at(value))
                for number, (connection, value) in enumerate(zip(connections, values, strict=True))
            )
        )
        held = await owner.fetch("SELECT push_token FROM techdengue.device WHERE push_token IS NOT NULL ORDER BY 1")
        assert [row["push_token"] for row in held] == ["t-0", "t-1", "t-2"]


@pytest.mark.parametrize(
    ("reason", "again", "active"),
    [
        ("unregistered", "t", False),
        ("invalid_target", "t", False),
        ("unregistered", "t2", True),
        ("sender_mismatch", "t", True),
        ("unseen", "t", True),
    ],
)
async def test_a_target_of_which_fcm_said_that_it_is_none_stays_off(
    connect: Connect, owner: asyncpg.Connection, reason: str, again: str, active: bool
) -> None:
    intake = await connect("techdengue_intake")
    await register_device(intake, "d", "ana", _at("t"))
    await owner.execute("UPDATE techdengue.device SET push_off_at = now(), push_off_reason = $1", reason)
    device = await register_device(intake, "d", "ana", DeviceRegistration(model="m"))
    assert device is not None
    assert device.push is not None
    assert (device.push.active, device.push.reason, device.has_push_token) == (False, reason, False)
    assert device.push.deactivated_at is not None
    device = await register_device(intake, "d", "ana", _at(again))
    assert device is not None
    assert device.push is not None
    assert (device.push.active, device.push.reason) == (active, None if active else reason)


async def test_the_owners_role_and_territory_are_kept_and_go_when_the_device_is_forgotten(
    connect: Connect, owner: asyncpg.Connection
) -> None:
    intake = await connect("techdengue_intake")
    gestor = Caller(user="ana", role=Role.GESTOR, municipios=frozenset({SINOP, CUIABA}))
    await register_device(intake, "d", "ana", _at("t"), owner=gestor)
    await register_device(intake, "d", "ana", DeviceRegistration(model="m"), owner=None)
    assert await _row(owner, "d") == ("token", "t", None, "GESTOR", [CUIABA, SINOP])
    await register_device(intake, "d", "ana", DeviceRegistration(), owner=Caller("ana", Role.CAMPO, frozenset()))
    assert (await _row(owner, "d"))[3:] == ("CAMPO", [])
    await forget_device(intake, "d")
    assert await _row(owner, "d") == (None, None, None, None, None)


async def test_a_device_of_another_user_takes_no_target_from_anybody(
    connect: Connect, owner: asyncpg.Connection
) -> None:
    intake = await connect("techdengue_intake")
    await register_device(intake, "d", "ana", _at("t"))
    await register_device(intake, "theirs", "bia", _at("u"))
    assert await register_device(intake, "d", "bia", _at("u")) is None
    assert (await _row(owner, "theirs"))[1] == "u"
