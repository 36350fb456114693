"""Asks FCM whether it would deliver to one device; nobody gets anything, and nothing is written."""

import datetime as dt
from typing import Any

import asyncpg
import msgspec

from . import statements
from .deliveries import SEEN_WITHIN
from .model import Answer, Message, MessageType, Target, TargetKind
from .pusher import Pusher

_MESSAGE = Message(
    type=MessageType.NOTIFICATION, tag="teste", title="Teste", body="Mensagem de teste do TechDengue.", data={}
)


class DeviceTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a device's target; `target` None: there is none, or it was dropped."""

    target: Target | None
    off_at: dt.datetime | None
    reason: str | None
    seen_at: dt.datetime

    def is_unseen(self, now: dt.datetime) -> bool:
        """Whether the device was not seen for so long that it is sent nothing."""
        return self.seen_at < now - SEEN_WITHIN


async def read_target(connection: "asyncpg.Connection[Any]", device_id: str) -> DeviceTarget | None:
    """The target of a device, on or off; None where the device is not registered. Wants the role `techdengue_jobs`."""
    row = await connection.fetchrow(statements.READ_TARGET, device_id)
    if row is None:
        return None
    return DeviceTarget(
        target=None if row["value"] is None else Target(TargetKind(row["kind"]), row["value"]),
        off_at=row["off_at"],
        reason=row["reason"],
        seen_at=row["seen_at"],
    )


async def try_target(pusher: Pusher, target: Target) -> Answer:
    """What FCM says to a message to this target (`validate_only`)."""
    return await pusher.validate(_MESSAGE, target)
