"""What goes over the streams (protocol.md): lines of NDJSON, and messages of the WebSocket.

Answers are read leniently: a newer server may add fields and kinds.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from .model import OpenConflict
from .wire import ChangedEntity, Problem, Refused, Settled, SyncAnswer


class LineSettled(Settled, frozen=True, kw_only=True, tag_field="kind", tag="success"):
    """An acknowledged operation; `index` counts the stream's operations from 0."""

    index: int


class LineConflict(OpenConflict, frozen=True, kw_only=True, tag_field="kind", tag="conflict"):
    """An operation that is recorded and parked."""

    index: int


class LineRefused(Refused, frozen=True, kw_only=True, tag_field="kind", tag="error"):
    """An operation that was not recorded."""


class LineEnd(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="end"):
    """The last line of a stream that was read to its end."""

    processed: int


class LineProblem(Problem, frozen=True, kw_only=True, tag_field="kind", tag="problem"):
    """The last line of a stream that had to stop; what was not answered was not acknowledged."""


Line: TypeAlias = LineSettled | LineConflict | LineRefused | LineEnd | LineProblem
OperationLine: TypeAlias = LineSettled | LineConflict | LineRefused


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The most that may be sent and not acknowledged yet."""

    operations: int
    bytes: int


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="welcome"):
    """The server's first message."""

    window: Window
    heartbeat_seconds: float
    token_expires_at: str | None = None
    server_timestamp: str | None = None


class Results(SyncAnswer, frozen=True, kw_only=True, tag_field="type", tag="results"):
    """The answer to one frame of operations."""

    seq: int


class FrameRefused(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refused"):
    """A frame that was not recorded."""

    seq: int
    problem: Problem


class Changes(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="changes"):
    """Entities in their newest state, and where the next ones begin."""

    items: list[ChangedEntity]
    cursor: str
    has_more: bool


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="heartbeat"):
    """The server is there."""


class Stopping(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="problem"):
    """Why the server is about to close."""

    problem: Problem


SocketMessage: TypeAlias = Welcome | Results | FrameRefused | Changes | Heartbeat | Stopping


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The device's first message. `credit`: how many changes it takes before it grants more."""

    device_id: str
    cursor: str | None
    credit: int
    changes: bool
    entity_type: None = None


class Operations(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="operations"):
    """A frame of operations."""

    seq: int
    sent_at: str
    operations: list[msgspec.Raw]


class Credit(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="credit"):
    """So many more changes are taken."""

    items: int


class FreshToken(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="token"):
    """A token in place of the one that will expire."""

    token: str


_encoder = msgspec.json.Encoder()
_line: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_message: msgspec.json.Decoder[SocketMessage] = msgspec.json.Decoder(SocketMessage)


def decode_line(line: bytes) -> Line:
    """A line of the answer. Raises msgspec.DecodeError."""
    return _line.decode(line)


def decode_message(frame: bytes) -> SocketMessage:
    """A message of the server. Raises msgspec.DecodeError."""
    return _message.decode(frame)


def encode_message(message: Hello | Operations | Credit | FreshToken | Heartbeat) -> bytes:
    """A message of the device."""
    return _encoder.encode(message)


def gather(lines: Sequence[OperationLine], first: int) -> SyncAnswer:
    """Lines that followed each other as one answer, with indices that count from `first`."""
    successes, conflicts, errors = [], [], []
    for line in lines:
        match line:
            case LineSettled():
                successes.append(line)
            case LineConflict():
                conflicts.append(line)
            case LineRefused():
                errors.append(msgspec.structs.replace(line, index=line.index - first))
    return SyncAnswer(
        processed=len(lines), successes=[*successes], conflicts=[*conflicts], errors=[*errors], server_timestamp=""
    )
