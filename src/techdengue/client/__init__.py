"""A device's side of the sync: an offline queue, local documents, push and pull (docs: protocol.md)."""

from techdengue.domain.operation import Strategy

from .channel import Carrier
from .clock import Clock, SystemClock
from .device import Device, Surroundings, new_key
from .duplex import Closed, Duplex
from .errors import (
    AmbiguousEntity,
    ClientError,
    Forbidden,
    LinkError,
    TokenExpired,
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
    FilesReport,
    LocalDocument,
    OpenConflict,
    PullReport,
    PushReport,
    QueuedFile,
    QueuedOperation,
    RefusedFile,
    RefusedOperation,
    SyncReport,
)
from .observer import Observer
from .oplog import LogProgress, LogReport, RefusedLine, push_log
from .transport import HttpTransport, Request, Response, StreamingTransport, Transport

__all__ = [
    "AmbiguousEntity",
    "Carrier",
    "ClientError",
    "Clock",
    "Closed",
    "Delay",
    "Device",
    "Duplex",
    "FilesReport",
    "Forbidden",
    "HttpTransport",
    "LinkError",
    "LocalDocument",
    "LogProgress",
    "LogReport",
    "Observer",
    "OpenConflict",
    "PullReport",
    "PushReport",
    "QueuedFile",
    "QueuedOperation",
    "RefusedFile",
    "RefusedLine",
    "RefusedOperation",
    "Request",
    "Response",
    "Strategy",
    "StreamingTransport",
    "Surroundings",
    "SyncReport",
    "SystemClock",
    "TokenExpired",
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
