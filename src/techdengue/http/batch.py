"""Decodes the body of `POST /api/sync`.

Good batches take one msgspec decode, straight into structs. A batch that does not pass is read again, loosely, so that
one malformed operation becomes an entry of the answer and its neighbours go on: a device must never hold a batch that
it would resend for ever.
"""

import datetime as dt
import json
import math
from typing import Annotated, Any

import msgspec

from techdengue.domain.operation import SentOperation
from techdengue.domain.times import to_micros
from techdengue.intake.model import Malformed

from .faults import fault_of
from .media import JSON
from .problems import Problem

_INT_DIGITS = 20
_LARGEST_INT = 2**64 - 1
_SMALLEST_INT = -(2**63)
_EMPTY = "The body is empty"
_ECHOED = ("entity_type", "entity_id", "operation", "idempotency_key")

_Trail = tuple["_Trail | None", str | int]


class SyncRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of a batch (protocol.md, `POST /api/sync`)."""

    operations: list[SentOperation]
    batch_id: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    device_id: str | None = None
    sent_at: Annotated[dt.datetime, msgspec.Meta(tz=True)] | None = None


class DecodedBatch(msgspec.Struct, frozen=True):
    """A batch as sent: what could be read of each operation. `sent_at` is µs since the epoch."""

    operations: tuple[SentOperation | Malformed, ...]
    batch_id: str | None
    device_id: str | None
    sent_at: int | None


class _LooseRequest(msgspec.Struct, frozen=True, kw_only=True):
    operations: list[Any]
    batch_id: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    device_id: str | None = None
    sent_at: Annotated[dt.datetime, msgspec.Meta(tz=True)] | None = None


_strict_json = msgspec.json.Decoder(SyncRequest)
_strict_operation = msgspec.json.Decoder(SentOperation)


def decode_batch(raw: bytes, media_type: str, max_operations: int) -> DecodedBatch:
    """Read a batch. Raises Problem: 400 no JSON or MessagePack, 413 too many operations, 422 not a batch."""
    if media_type == JSON:
        try:
            request = _strict_json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _decode_loosely(read_json(raw), max_operations)
        _check_count(len(request.operations), max_operations)
        return _decoded(request, tuple(request.operations))
    return _decode_loosely(read_msgpack(raw), max_operations)


def decode_operation(raw: bytes) -> SentOperation | Malformed:
    """Read one operation by itself: a line of a stream."""
    try:
        return _strict_operation.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return read_operation(read_json(raw, "The line"))
    except Problem as problem:
        return Malformed(message=problem.detail, path="")


def read_msgpack(raw: bytes) -> Any:
    """The plain value of a MessagePack body. Raises Problem 400."""
    try:
        return msgspec.msgpack.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        why = "The body is not MessagePack, or is nested too deeply" if raw else _EMPTY
        raise Problem("malformed_body", why) from error


def read_json(raw: bytes, noun: str = "The body") -> Any:
    """The plain value of a JSON text, NaN and integers of any size let through. Raises Problem 400."""
    try:
        return json.loads(raw.decode(), parse_int=_read_int)
    except (ValueError, RecursionError) as error:
        raise Problem("malformed_body", _why_no_json(raw, error, noun)) from error


def implausible(value: Any, *, stored: bool = False) -> tuple[str, str] | None:
    """(why, JSON Pointer) of the first thing in a decoded value that JSON cannot say; None where all is well.

    `stored`: or that PostgreSQL takes into no text, a NUL.

    Places are linked trails, spelled out only for the answer: a long name over many members would multiply otherwise.
    """
    pending: list[tuple[_Trail | None, Any]] = [(None, value)]
    while pending:
        trail, item = pending.pop()
        match item:
            case dict():
                for key in item:
                    if not isinstance(key, str) or _has_surrogate(key):
                        return "A member's name is not text", _spell(trail)
                    if stored and "\x00" in key:
                        return "A member's name holds a NUL", _spell(trail)
                members: Any = item.items()
            case list():
                members = enumerate(item)
            case _:
                why = _implausible_scalar(item, stored=stored)
                return None if why is None else (why, _spell(trail))
        for place, member in members:
            if isinstance(member, dict | list):
                pending.append(((trail, place), member))
            elif why := _implausible_scalar(member, stored=stored):  # here, not in its turn: there may be millions
                return why, _spell((trail, place))
    return None


def _implausible_scalar(item: Any, *, stored: bool) -> str | None:
    match item:
        case None | bool():
            return None
        case str() if stored and "\x00" in item:
            return "The text holds a NUL"
        case str():
            return "The text holds half of a surrogate pair" if _has_surrogate(item) else None
        case float():
            return None if math.isfinite(item) else "The number is not finite"
        case int():
            return None if _SMALLEST_INT <= item <= _LARGEST_INT else "The integer is beyond 64 bits"
        case _:
            return "The value is of a type that JSON does not have"


def _decode_loosely(body: Any, max_operations: int) -> DecodedBatch:
    if isinstance(body, dict) and isinstance(body.get("operations"), list):
        _check_count(len(body["operations"]), max_operations)
        envelope = {name: body[name] for name in ("batch_id", "device_id", "sent_at") if name in body}
        if found := implausible(envelope):
            raise Problem("invalid_body", found[0], path=found[1])
        body = {**envelope, "operations": body["operations"]}
    try:
        request = msgspec.convert(body, _LooseRequest)
    except (msgspec.ValidationError, RecursionError) as error:
        message, path = fault_of(error, body, _LooseRequest, "the body")
        raise Problem("invalid_body", message, path=path) from error
    return _decoded(request, tuple(read_operation(sent) for sent in request.operations))


def read_operation(sent: Any) -> SentOperation | Malformed:
    """An operation of a plain value, or what is wrong with it."""
    found = implausible(sent)
    if found is None:
        try:
            return msgspec.convert(sent, SentOperation)
        except msgspec.ValidationError as error:
            found = fault_of(error, sent, SentOperation, "an operation")
        except RecursionError:
            found = "The operation is nested too deeply", ""
    readable = sent if isinstance(sent, dict) else {}
    echoed = {name: _echo(readable.get(name)) for name in _ECHOED}
    return Malformed(message=found[0], path=found[1], **echoed)


def _echo(value: Any) -> Any:
    """A name as it was sent, where it is a plain one."""
    return value if isinstance(value, str | int) and implausible(value) is None else None


def _decoded(request: SyncRequest | _LooseRequest, operations: tuple[SentOperation | Malformed, ...]) -> DecodedBatch:
    if request.batch_id is not None and "\x00" in request.batch_id:
        raise Problem("invalid_body", "The text holds a NUL", path="/batch_id")
    sent_at = None if request.sent_at is None else to_micros(request.sent_at)
    return DecodedBatch(operations, request.batch_id, request.device_id, sent_at)


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise Problem("too_many_operations", f"The batch has {count} operations; {most} are taken at once")


def _why_no_json(raw: bytes, error: Exception, noun: str) -> str:
    match error:
        case _ if not raw.strip():
            return f"{noun} is empty"
        case json.JSONDecodeError():
            return f"{noun} is not JSON: {error.msg} (byte {len(error.doc[: error.pos].encode())})"
        case UnicodeDecodeError():
            return f"{noun} is not UTF-8 (byte {error.start})"
        case _:
            return f"{noun} is nested too deeply"


def _read_int(digits: str) -> int:
    """An integer; a hopelessly long one stands for itself as the first that is too large."""
    return int(digits) if len(digits) <= _INT_DIGITS else _LARGEST_INT + 1


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text) if not text.isascii() else False


def _spell(trail: _Trail | None) -> str:
    steps: list[str] = []
    while trail is not None:
        trail, step = trail
        steps.append(str(step).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{step}" for step in reversed(steps))
