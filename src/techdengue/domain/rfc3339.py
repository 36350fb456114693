"""Reading times as RFC 3339 (section 5.6) writes them: an offset is required, a date alone is no time.

Fractions are cut to µs. A leap second is read as the second after it, as POSIX counts.
"""

import datetime as dt
import re
from typing import Annotated, Any

from msgspec import Meta

from .errors import invalid
from .shapes import shaped
from .times import EPOCH, to_micros, to_rfc3339
from .wording import shown

_EXAMPLE = "2024-01-15T14:30:00Z or 2024-01-15T10:30:00-04:00"
_MICROSECOND = dt.timedelta(microseconds=1)
_SECOND = 1_000_000
_LONGEST = 64

_MINUTE = r"[Tt](?:[01]\d|2[0-3]):[0-5]\d:"
_FRACTION = r"(\.\d+)?"
_OFFSET = r"([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_TIME = re.compile(rf"(\d{{4}}-\d\d-\d\d{_MINUTE})([0-5]\d|60){_FRACTION}{_OFFSET}", re.ASCII)
_DAYS = r"(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31"
"""Those that every year has."""
_PLAINLY_A_TIME = rf"(?a)\A[12]\d{{3}}-(?:{_DAYS}){_MINUTE}[0-5]\d{_FRACTION}{_OFFSET}\Z"
_WITHOUT_OFFSET = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)

_FIRST = to_micros(dt.datetime.min.replace(tzinfo=dt.UTC))
_LAST = to_micros(dt.datetime.max.replace(tzinfo=dt.UTC))


def read_time(value: Any, path: str) -> int:
    """Microseconds since the epoch, UTC. Raises InvalidOperation at `path` for what is no RFC 3339 time."""
    if type(value) is not str:
        raise invalid(f"a time is a string such as {_EXAMPLE}; this is {shown(value)}", path)
    parts = _TIME.fullmatch(value) if len(value) <= _LONGEST else None
    if parts is None:
        raise invalid(_complaint(value), path)
    if parts[2] == "60":
        return _read_leap_second(value, parts, path)
    return _micros(value, path)


def in_utc(value: str, micros: int) -> str:
    """`2024-01-15T14:30:00.000000Z`: a time that `read_time` has read as `micros`, as answers write it."""
    if value[-1] not in "Zz" or value[17] == "6":
        return to_rfc3339(micros)
    return f"{value[:10]}T{value[11:19]}.{value[20:-1][:6]:0<6}Z"


@shaped(Annotated[str, Meta(max_length=_LONGEST, pattern=_PLAINLY_A_TIME)])
def check_time(value: Any, path: str) -> None:
    """Refuse what is no RFC 3339 time with an offset."""
    read_time(value, path)


def _micros(value: str, path: str) -> int:
    try:
        micros = (dt.datetime.fromisoformat(value.upper()) - EPOCH) // _MICROSECOND
    except ValueError as error:
        raise invalid(f"{shown(value)} is no date of the calendar; send a time such as {_EXAMPLE}", path) from error
    if not _FIRST <= micros <= _LAST:
        raise invalid(f"{shown(value)} is outside the years 1 to 9999 in UTC; set the device's clock", path)
    return micros


def _read_leap_second(value: str, parts: re.Match[str], path: str) -> int:
    """23:59:60 UTC at the end of a month (RFC 3339, section 5.7): the first second of the next month."""
    before = _micros(f"{parts[1]}59{parts[3] or ''}{parts[4]}", path)
    micros = before + _SECOND
    if micros > _LAST or not _begins_month(micros):
        raise invalid(
            f"{shown(value)}: second 60 exists only at 23:59:60 UTC on the last day of a month; send 59", path
        )
    return micros


def _begins_month(micros: int) -> bool:
    moment = EPOCH + dt.timedelta(microseconds=micros)
    return moment.day == 1 and moment.hour == moment.minute == moment.second == 0


def _complaint(value: str) -> str:
    if len(value) <= _LONGEST and _WITHOUT_OFFSET.fullmatch(value):
        return f"{shown(value)} does not say its offset from UTC; send a time such as {_EXAMPLE}"
    return f"{shown(value)} is no time of RFC 3339; send one such as {_EXAMPLE}"
