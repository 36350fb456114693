"""The calls of devices: send a batch, see what became of it, register. What others changed: see changes.py."""

import time
from typing import NoReturn

from litestar.response.base import ASGIResponse
from msgspec import UNSET

from projections.model import DeviceRegistration
from techdengue.intake.model import Batch
from techdengue.intake.off_loop import off_loop

from .batch import decode_batch
from .call import Call, check_device_id
from .problems import Problem
from .roles import require_device

_LONGEST_REGISTRATION_TEXT = 4096


async def send_batch(call: Call) -> ASGIResponse:
    """`POST /api/sync`."""
    arrived = time.monotonic()
    raw, media_type = await call.read()
    decoded = await off_loop(len(raw), decode_batch, raw, media_type, call.services.settings.max_operations)
    batch = Batch(
        caller=call.caller,
        device_id=_device(call.header(b"x-device-id"), decoded.device_id),
        operations=decoded.operations,
        arrived=arrived,
        size=len(raw),
        batch_id=decoded.batch_id,
        sent_at=decoded.sent_at,
        address=call.address,
    )
    answer = await call.services.intake.submit(batch)
    return await call.answer(answer)


def _device(header: str, body: str | None) -> str:
    if header and body is not None and header != body:
        raise Problem("device_mismatch", "X-Device-ID and device_id name different devices")
    named = header or body
    if named is None:
        raise Problem("device_required", "Neither X-Device-ID nor device_id names the device")
    return check_device_id(named)


async def refuse_plain(_call: Call) -> NoReturn:
    """`GET /api/sync/ws` without an upgrade."""
    raise Problem("upgrade_required", "This address takes WebSocket connections", headers={"upgrade": "websocket"})


async def read_status(call: Call) -> ASGIResponse:
    """`GET /api/sync/status/{device_id}`."""
    device_id = call.device()
    readers = call.services.readers
    require_device(call.caller, await readers.device_owner(device_id))
    status = await readers.device_status(call.caller, device_id)
    if status is None:
        raise Problem("device_not_found", "No batch and no registration came from this device")
    return await call.answer(status)


async def put_device(call: Call) -> ASGIResponse:
    """`PUT /api/devices/{device_id}`."""
    device_id = call.device()
    registration = await call.read_as(DeviceRegistration)
    for name in registration.__struct_fields__:
        value = getattr(registration, name)
        if isinstance(value, str) and (len(value) > _LONGEST_REGISTRATION_TEXT or not value.isprintable()):
            raise Problem("invalid_body", "Up to 4,096 printable characters are taken", path=f"/{name}")
    if registration.fcm_token == "" or (registration.push is not UNSET and registration.fcm_token is not UNSET):
        raise Problem("invalid_body", "One of push and fcm_token is taken, and not an empty one", path="/fcm_token")
    readers = call.services.readers
    owner = await readers.device_owner(device_id)
    require_device(call.caller, owner)
    device = await readers.register_device(call.caller, owner or call.caller.user, device_id, registration)
    if device is None:
        raise Problem("device_taken", "This device is registered to another user")
    return await call.answer(device)


async def delete_device(call: Call) -> ASGIResponse:
    """`DELETE /api/devices/{device_id}`."""
    device_id = call.device()
    readers = call.services.readers
    require_device(call.caller, await readers.device_owner(device_id))
    if not await readers.forget_device(device_id):
        raise Problem("device_not_found", "No such device is registered")
    return ASGIResponse(status_code=204)
