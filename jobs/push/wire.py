"""A message as FCM's HTTP v1 takes it: the body of `messages:send`. Pure."""

import datetime as dt
from typing import Any, Final, assert_never

import msgspec

from .errors import MessageUnsendable
from .model import Message, Target, TargetKind

LONGEST_PAYLOAD: Final = 4096
"""Bytes of notification and data together, as FCM counts them."""
LONGEST_TAG: Final = 64
"""Bytes of `apns-collapse-id`."""
_RESERVED: Final = frozenset({"from", "message_type", "collapse_key"})
_RESERVED_BEGINNINGS: Final = ("google.", "gcm.")

_encode = msgspec.json.Encoder().encode


def encode(message: Message, target: Target, *, ttl: dt.timedelta, now: dt.datetime, validate_only: bool) -> bytes:
    """The request body. `ttl` is what is left of it. Raises MessageUnsendable."""
    check(message)
    body: dict[str, Any] = {"message": {**_addressed(target), **_content(message, ttl, now)}}
    if validate_only:
        body["validate_only"] = True
    return _encode(body)


def check(message: Message) -> None:
    """Raise MessageUnsendable for what FCM would refuse, whoever it is for."""
    payload = _encode({"notification": {"title": message.title, "body": message.body}, "data": _data(message)})
    if len(payload) > LONGEST_PAYLOAD:
        raise MessageUnsendable(f"notification and data are {len(payload)} bytes, FCM takes {LONGEST_PAYLOAD}")
    if len(message.tag.encode()) > LONGEST_TAG:
        raise MessageUnsendable(f"the tag has more than {LONGEST_TAG} bytes")
    for key in message.data:
        if not key or key in _RESERVED or key.startswith(_RESERVED_BEGINNINGS):
            raise MessageUnsendable(f"FCM keeps the data key {key!r} for itself")


def _addressed(target: Target) -> dict[str, str]:
    match target.kind:
        case TargetKind.TOKEN:
            return {"token": target.value}
        case TargetKind.FID:
            return {"fid": target.value}
    assert_never(target.kind)


def _data(message: Message) -> dict[str, str]:
    return {"type": message.type.value, **message.data}


def _content(message: Message, ttl: dt.timedelta, now: dt.datetime) -> dict[str, Any]:
    """Twice the same tag is one notification on the device: FCM has no idempotency key."""
    seconds = max(0, int(ttl.total_seconds()))
    return {
        "notification": {"title": message.title, "body": message.body},
        "data": _data(message),
        "android": {
            "collapse_key": message.type.value,
            "priority": "HIGH",
            "ttl": f"{seconds}s",
            "notification": {"tag": message.tag},
        },
        "apns": {
            "headers": {
                "apns-collapse-id": message.tag,
                "apns-expiration": str(int(now.timestamp()) + seconds),
            }
        },
    }
