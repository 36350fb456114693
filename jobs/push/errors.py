"""What can go wrong with pushes before a message is answered.

PushError
├── CredentialsUnusable     the service-account file cannot be read, or is none
├── CredentialsRefused      Google's token endpoint refuses the service account
├── AccessUnavailable       the token endpoint cannot be reached, or is in trouble
└── MessageUnsendable       a message that FCM would refuse whoever it is for: a bug of ours
"""

import datetime as dt


class PushError(Exception):
    """Any error of the push room's own."""


class CredentialsUnusable(PushError):
    """The service-account file cannot be read, or does not hold a service account."""

    def __init__(self, *, path: str, reason: str) -> None:
        super().__init__(f"the service-account file {path} cannot be used: {reason}")
        self.path = path
        self.reason = reason


class CredentialsRefused(PushError):
    """Google's token endpoint refuses the service account: it was deleted, disabled, or its key was revoked."""

    def __init__(self, *, status: int, reason: str) -> None:
        super().__init__(f"the token endpoint refuses the service account: {status} {reason}")
        self.status = status
        self.reason = reason


class AccessUnavailable(PushError):
    """The token endpoint cannot be reached, or is in trouble; `retry_after` is what it asked for."""

    def __init__(self, *, reason: str, retry_after: dt.timedelta | None = None) -> None:
        super().__init__(f"no access token can be had now: {reason}")
        self.reason = reason
        self.retry_after = retry_after


class MessageUnsendable(PushError):
    """A message that FCM would refuse whoever it is for: too long, or with a key that FCM keeps for itself."""
