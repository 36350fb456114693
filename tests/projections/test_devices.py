"""A device belongs to the user who first registered it."""

import asyncpg

from projections.model import DeviceRegistration
from projections.queries import device_owner, device_status, forget_device, register_device, territory

from .conftest import Connect


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
