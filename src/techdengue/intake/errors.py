"""Why the intake could not take a whole request.

IntakeError
├── Overloaded              the queue is full: nothing was recorded, send it again after `retry_after`
├── Unavailable             the database is away: nothing is known to be recorded, send the same keys again
├── AnswerTooLarge          its answers would show too much: nothing was recorded, send fewer operations at once
├── DeviceTaken             the device belongs to another user
├── ConflictNotFound        no such conflict in the caller's territory
├── ConflictAlreadyResolved somebody settled it before
├── ResolutionRefused       the resolution itself is not acceptable (its `path` and `code` say why)
└── SealRefused             the entity is no longer what the finding was made on
"""

from techdengue.domain.operation import ErrorCode

from .model import Resolved


class IntakeError(Exception):
    """Any refusal of a whole request by the intake."""


class Overloaded(IntakeError):
    """The queue is full; nothing was recorded."""

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(f"too many operations are waiting; try again in {retry_after} s")
        self.retry_after = retry_after


class Unavailable(IntakeError):
    """The database is away, or contention did not end; send the same keys again."""

    def __init__(self, *, retry_after: int, reason: str) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class AnswerTooLarge(IntakeError):
    """The documents that the answers must show are too many bytes; nothing was recorded."""

    def __init__(self, *, most: int) -> None:
        super().__init__(f"its answers would show more than {most:,} bytes of documents; send fewer operations at once")


class DeviceTaken(IntakeError):
    """The device belongs to another user."""

    def __init__(self, *, device_id: str) -> None:
        super().__init__("this device is registered to another user")
        self.device_id = device_id


class ConflictNotFound(IntakeError):
    """No such conflict in the caller's territory."""


class ConflictAlreadyResolved(IntakeError):
    """Somebody settled the conflict before; `resolved` says who, when and how."""

    def __init__(self, resolved: Resolved) -> None:
        super().__init__("this conflict has been settled already")
        self.resolved = resolved


class ResolutionRefused(IntakeError):
    """The resolution cannot be accepted as it is."""

    def __init__(self, *, code: ErrorCode, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.path = path


class SealRefused(IntakeError):
    """The entity is no longer what the finding was made on; `field` is the one that differs, None where it is gone."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field
