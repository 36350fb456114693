"""A device's side of the sync: an offline queue, local documents, push and pull (docs: protocol.md)."""

from techdengue.domain.operation import Strategy

from .clock import Clock, SystemClock
from .device import Device, Surroundings, new_key
from .errors import (
    AmbiguousEntity,
    ClientError,
    Forbidden,
    LinkError,
    TooLarge,
    Unacceptable,
    Unauthorized,
    UnexpectedAnswer,
    UnknownOperation,
    Unreachable,
    UnsendableData,
    WrongDevice,
)
from .link import TokenSource
from .model import (
    Delay,
    LocalDocument,
    OpenConflict,
    PullReport,
    PushReport,
    QueuedOperation,
    RefusedOperation,
    SyncReport,
)
from .oplog import LogProgress, LogReport, RefusedLine, push_log
from .transport import HttpTransport, Request, Response, Transport

__all__ = [
    "AmbiguousEntity",
    "ClientError",
    "Clock",
    "Delay",
    "Device",
    "Forbidden",
    "HttpTransport",
    "LinkError",
    "LocalDocument",
    "LogProgress",
    "LogReport",
    "OpenConflict",
    "PullReport",
    "PushReport",
    "QueuedOperation",
    "RefusedLine",
    "RefusedOperation",
    "Request",
    "Response",
    "Strategy",
    "Surroundings",
    "SyncReport",
    "SystemClock",
    "TokenSource",
    "TooLarge",
    "Transport",
    "Unacceptable",
    "Unauthorized",
    "UnexpectedAnswer",
    "UnknownOperation",
    "Unreachable",
    "UnsendableData",
    "WrongDevice",
    "new_key",
    "push_log",
]
