"""Why a single operation is refused.

InvalidOperation    `code`, `message` and `path` are what the device is answered; its key stays free
"""

from .operation import ErrorCode


class InvalidOperation(Exception):
    """One operation cannot be accepted as it is. `path` is a JSON Pointer (RFC 6901) from the operation."""

    def __init__(self, code: ErrorCode, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path


def invalid(message: str, path: str) -> InvalidOperation:
    """An `invalid_data` refusal of what stands at `path`."""
    return InvalidOperation(ErrorCode.INVALID_DATA, message, path)
