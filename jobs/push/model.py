"""The words of the push room: targets, notifications, outcomes, answers."""

import datetime as dt
import enum
from collections.abc import Mapping
from typing import Final

import msgspec


class TargetKind(enum.StrEnum):
    """How FCM knows an installed app: by a registration token, or by the Firebase installation id that replaces it."""

    TOKEN = "token"  # noqa: S105 - a kind of target, no secret
    FID = "fid"


class Target(msgspec.Struct, frozen=True):
    """Where FCM delivers a message: exactly one of the two kinds. The value is never logged."""

    kind: TargetKind
    value: str


class MessageType(enum.StrEnum):
    """What a message is about: `data.type` of the app, and FCM's collapse key.

    Four, because FCM keeps at most four collapse keys for a device that is away: a fifth would drop one of the others.
    """

    SYNC_CONFLICT = "sync_conflict"
    REPORT_READY = "report_ready"
    DAILY_DIGEST = "daily_digest"
    NOTIFICATION = "notification"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown, and what the app opens. Neither personal nor health data: ids, counts and fixed sentences."""

    type: MessageType
    tag: str
    """At most 64 bytes. A second message of this tag takes the place of the first one on the device."""
    title: str
    body: str
    data: Mapping[str, str]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to get what, each of their active devices once."""

    key: str
    """What is delivered once to a device, for ever: `sync_conflict/<id>`."""
    type: MessageType
    messages: Mapping[str, Message]
    """By user; all of the type."""
    ttl: dt.timedelta
    """After it the message is given up: it would no longer be news."""


class Outcome(enum.StrEnum):
    """What became of sending one message to one target (facts of the jobs, "FCM HTTP v1")."""

    SENT = "sent"
    UNREGISTERED = "unregistered"
    INVALID_TARGET = "invalid_target"
    SENDER_MISMATCH = "sender_mismatch"
    REJECTED = "rejected"
    """FCM does not take the message as it is: a bug of ours."""
    QUOTA = "quota"
    UNAVAILABLE = "unavailable"
    UNAUTHORIZED = "unauthorized"
    """Our credential, or the one that the project has for Apple or web push, is not taken."""
    GIVEN_UP = "given_up"
    """Not sent within its time to live."""
    WITHDRAWN = "withdrawn"
    """The device was forgotten, has another user, or has no active target any more."""

    @property
    def deactivates(self) -> bool:
        """Whether the target is of no use any more."""
        return self in _DEACTIVATES

    @property
    def is_passing(self) -> bool:
        """Whether the same message may get through later."""
        return self in _PASSING


_DEACTIVATES = frozenset({Outcome.UNREGISTERED, Outcome.INVALID_TARGET, Outcome.SENDER_MISMATCH})
_PASSING = frozenset({Outcome.QUOTA, Outcome.UNAVAILABLE})


THIRD_PARTY_AUTH_ERROR: Final = "THIRD_PARTY_AUTH_ERROR"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What FCM made of a message: `status` 0 is no answer at all; `code` is its word for it, for logs."""

    outcome: Outcome
    status: int = 0
    code: str = ""
    retry_after: dt.timedelta | None = None
    fields: tuple[str, ...] = ()
    """The fields that FCM found fault with, never their values."""

    @property
    def refuses_us(self) -> bool:
        """Whether it is our own credential that is not taken, and not the project's one for Apple or web push."""
        return self.outcome is Outcome.UNAUTHORIZED and self.code != THIRD_PARTY_AUTH_ERROR
