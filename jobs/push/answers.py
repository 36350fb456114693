"""What FCM answered, as an outcome: the error table of its HTTP v1, in one function. Pure.

The word is `error.details[].errorCode`, else `error.status`, else the HTTP status. An unknown answer never costs a
device its target: what we do not understand is taken for a bug of ours.
"""

import datetime as dt
import itertools
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from . import model
from .model import Answer, Outcome

_TARGET_FIELDS: Final = frozenset({"message.token", "message.fid", "token", "fid"})
_LONGEST_WORD: Final = 64
LONGEST_ASKED: Final = dt.timedelta(hours=24)
"""What `Retry-After` is heeded of: the longest time to live of a message. A slip in it would silence us for years."""
_MOST_FIELDS: Final = 8


class _Violation(msgspec.Struct, frozen=True):
    field: str = ""


class _Detail(msgspec.Struct, frozen=True, rename="camel"):
    error_code: str = ""
    field_violations: tuple[_Violation, ...] = ()


class _Error(msgspec.Struct, frozen=True):
    status: str = ""
    details: tuple[_Detail, ...] = ()

    @property
    def code(self) -> str:
        named = next((detail.error_code for detail in self.details if detail.error_code), "")
        return (named or self.status)[:_LONGEST_WORD]

    @property
    def fields(self) -> tuple[str, ...]:
        fields = (violation.field for detail in self.details for violation in detail.field_violations)
        return tuple(field[:_LONGEST_WORD] for field in itertools.islice(fields, _MOST_FIELDS))


class _Body(msgspec.Struct, frozen=True):
    name: str = ""
    error: _Error = _Error()


_decoder: Final = msgspec.json.Decoder(_Body)


def read_answer(status: int, headers: Mapping[str, str], raw: bytes, *, now: dt.datetime) -> Answer:
    """The outcome of an answered request. A success that names no message is none: something else answered."""
    body = _decode(raw)
    error = body.error
    return Answer(
        outcome=_outcome(status, error.code, error.fields, named=bool(body.name)),
        status=status,
        code=error.code,
        retry_after=retry_after(headers.get("Retry-After", ""), now=now),
        fields=error.fields,
    )


def _outcome(status: int, code: str, fields: tuple[str, ...], *, named: bool) -> Outcome:
    if 200 <= status < 300:
        return Outcome.SENT if named else Outcome.UNAVAILABLE
    match code:
        case "UNREGISTERED":
            return Outcome.UNREGISTERED
        case "INVALID_ARGUMENT":
            return Outcome.INVALID_TARGET if fields and _TARGET_FIELDS.issuperset(fields) else Outcome.REJECTED
        case "SENDER_ID_MISMATCH":
            return Outcome.SENDER_MISMATCH
        case "QUOTA_EXCEEDED" | "RESOURCE_EXHAUSTED":
            return Outcome.QUOTA
        case "UNAVAILABLE" | "INTERNAL" | "DEADLINE_EXCEEDED":
            return Outcome.UNAVAILABLE
        case model.THIRD_PARTY_AUTH_ERROR:
            return Outcome.UNAUTHORIZED
    return _by_status(status)


def _by_status(status: int) -> Outcome:
    """Answers without a word of FCM's: a proxy's HTML, a gateway in trouble, an API that is switched off."""
    if status in (401, 403):
        return Outcome.UNAUTHORIZED
    if status == 429:
        return Outcome.QUOTA
    if status == 408 or status >= 500:
        return Outcome.UNAVAILABLE
    return Outcome.REJECTED


def retry_after(value: str, *, now: dt.datetime) -> dt.timedelta | None:
    """`Retry-After` (RFC 9110, 10.2.3): seconds or a date, `LONGEST_ASKED` at most; None where neither is read."""
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return min(dt.timedelta(seconds=int(text)), LONGEST_ASKED)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000": a time in UTC whose place is not told
        moment = moment.replace(tzinfo=dt.UTC)
    return min(max(moment - now, dt.timedelta()), LONGEST_ASKED)


def _decode(raw: bytes) -> _Body:
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Body()
