"""The messages of `GET /api/sync/ws`, each a text frame of JSON, told apart by `type` (protocol.md)."""

import datetime as dt
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from projections.model import Document
from techdengue.domain.operation import SentOperation
from techdengue.http.batch import implausible, read_json, read_operation
from techdengue.http.faults import fault_of
from techdengue.http.problems import Problem
from techdengue.intake.model import Malformed, Parked, Refusal, Success

SUBPROTOCOL: Final = "techdengue.sync.1"
MOST_OPERATIONS: Final = 200
"""In one frame."""
LARGEST_FRAME: Final = 1024 * 1024
"""Bytes of one frame."""
MOST_CREDIT: Final = 10_000
"""Items that a device may grant and that were not sent yet."""

_Credit = Annotated[int, msgspec.Meta(ge=0, le=MOST_CREDIT)]


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """Who speaks, where it left off, and how many items of changes it takes."""

    device_id: str
    cursor: str | None = None
    entity_type: str | None = None
    credit: _Credit = 0
    changes: bool = True


class Operations(msgspec.Struct, frozen=True, kw_only=True, tag="operations"):
    """A frame of operations, as a batch of `POST /api/sync`. `seq` is 1, 2, 3, … in a connection."""

    seq: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    operations: list[SentOperation]
    batch_id: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    sent_at: Annotated[dt.datetime, msgspec.Meta(tz=True)] | None = None


class Credit(msgspec.Struct, frozen=True, kw_only=True, tag="credit"):
    """So many items of changes more may be sent."""

    items: Annotated[int, msgspec.Meta(ge=1, le=MOST_CREDIT)]


class Token(msgspec.Struct, frozen=True, kw_only=True, tag="token"):
    """A fresh token of the same user, before the old one ends."""

    token: str


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag="heartbeat"):
    """A sign of life; the server's says what time it is."""

    server_timestamp: str | UnsetType = UNSET


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The most operations, and bytes of their frames, that may be sent and not yet answered."""

    operations: int = 1000
    bytes: int = 5 * 1024 * 1024


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag="welcome"):
    """The answer to `hello`."""

    device_id: str
    window: Window
    heartbeat_seconds: float
    token_expires_at: str
    server_timestamp: str


class Results(msgspec.Struct, frozen=True, kw_only=True, tag="results"):
    """What became of a frame: as the answer of `POST /api/sync`. Every frame up to `acknowledged` is on disk."""

    seq: int
    acknowledged: int
    batch_id: str | None
    processed: int
    successes: list[Success]
    conflicts: list[Parked]
    errors: list[Refusal]
    server_timestamp: str


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """A frame that was not recorded, and why: send it again, beginning at this `seq`."""

    seq: int
    problem: dict[str, Any]


class Changes(msgspec.Struct, frozen=True, kw_only=True, tag="changes"):
    """What changed; each item costs one of the credit. `cursor` is where to resume."""

    items: list[Document]
    cursor: str | None
    has_more: bool


class Trouble(msgspec.Struct, frozen=True, kw_only=True, tag="problem"):
    """Why the server closes the connection."""

    problem: dict[str, Any]


Sent = Hello | Operations | Credit | Token | Heartbeat
"""What a device says."""
Told = Welcome | Results | Refused | Changes | Heartbeat | Trouble
"""What the server says."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Operations as they could be read. `size` is the bytes of the frame."""

    seq: int
    operations: tuple[SentOperation | Malformed, ...]
    batch_id: str | None
    sent_at: dt.datetime | None
    size: int


class _LooseOperations(msgspec.Struct, frozen=True, kw_only=True, tag="operations"):
    seq: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    operations: list[Any]
    batch_id: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    sent_at: Annotated[dt.datetime, msgspec.Meta(tz=True)] | None = None


_decoder = msgspec.json.Decoder(Sent)
_shapes: dict[str, type] = {
    "hello": Hello,
    "operations": _LooseOperations,
    "credit": Credit,
    "token": Token,
    "heartbeat": Heartbeat,
}


def read_message(raw: bytes) -> Hello | Frame | Credit | Token | Heartbeat:
    """What a device says. Raises Problem 400 where it is none of the messages.

    One malformed operation does not spoil its frame: it is answered among the `errors`.
    """
    message: Sent | _LooseOperations
    try:
        message = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = _read_loosely(raw)
    if not isinstance(message, Operations | _LooseOperations):
        return message
    if len(message.operations) > MOST_OPERATIONS:
        raise _malformed(f"A frame has up to {MOST_OPERATIONS} operations", "/operations")
    if message.batch_id is not None and "\x00" in message.batch_id:
        raise _malformed("The text holds a NUL", "/batch_id")
    operations: tuple[SentOperation | Malformed, ...]
    if isinstance(message, Operations):
        operations = tuple(message.operations)
    else:
        operations = tuple(read_operation(sent) for sent in message.operations)
    return Frame(
        seq=message.seq,
        operations=operations,
        batch_id=message.batch_id,
        sent_at=message.sent_at,
        size=len(raw),
    )


def _read_loosely(raw: bytes) -> Any:
    try:
        sent = read_json(raw, "The message")
    except Problem as problem:
        raise _malformed(problem.detail) from problem
    kind = sent.get("type") if isinstance(sent, dict) else None
    shape = _shapes.get(kind) if isinstance(kind, str) else None
    if shape is None:
        raise _malformed(f"type must be one of {', '.join(_shapes)}", "/type")
    envelope = {name: value for name, value in sent.items() if name != "operations"}
    if found := implausible(envelope):
        raise _malformed(*found)
    try:
        return msgspec.convert(sent, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _malformed(*fault_of(error, sent, shape, "the message")) from error


def _malformed(why: str, path: str = "") -> Problem:
    return Problem("malformed_frame", why, path=path)
