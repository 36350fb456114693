"""What a status of the server means to a device."""

import datetime as dt
import re
from email.utils import parsedate_to_datetime

import msgspec

from . import wire
from .errors import Forbidden, LinkError, TooLarge, Unacceptable, Unauthorized, UnexpectedAnswer, Unreachable
from .transport import Response

_DESCRIPTION = re.compile(r'error_description="([^"\\]*)"')


def check(response: Response) -> None:
    """Raise the LinkError of an answer that is not 200."""
    if response.status == 200:
        return
    problem = _problem(response.body) if response.body else _challenged(response.headers)
    is_ours = "problem+json" in response.headers.get("content-type", "")
    after = _retry_after(response.headers)
    raise judge(response.status, problem, retry_after=after, is_ours=is_ours)


def judge(status: int, problem: wire.Problem, *, retry_after: float | None = None, is_ours: bool = True) -> LinkError:
    """The error of a status. `is_ours`: a sync server said it, and not something on the way."""
    text = problem.detail or problem.title
    reason = f"the server answered {status}{': ' + text if text else ''}"
    if status in (408, 425, 429) or status >= 500 or 300 <= status < 400:
        return Unreachable(reason, retry_after=retry_after if problem.retry_after is None else problem.retry_after)
    match status:
        case 401:
            return Unauthorized(reason, code=problem.code)
        case 403:
            return Forbidden(reason, code=problem.code)
        case 413:
            return TooLarge(reason)
        case 400 | 422 if is_ours:
            return Unacceptable(reason, code=problem.code)
        case _:
            return UnexpectedAnswer(reason, status=status)


def _problem(body: bytes) -> wire.Problem:
    try:
        return msgspec.json.decode(body, type=wire.Problem)
    except msgspec.DecodeError:
        return wire.Problem()


def _challenged(headers: dict[str, str]) -> wire.Problem:
    """What the challenge says (RFC 6750, 3): of an upgrade that is refused there are headers alone."""
    described = _DESCRIPTION.search(headers.get("www-authenticate", ""))
    return wire.Problem(detail=described[1] if described else "")


def _retry_after(headers: dict[str, str]) -> float | None:
    """Seconds (RFC 9110, 10.2.3). A date is read against the server's own `Date`: the device's clock is wrong."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    until, now = _date(value), _date(headers.get("date", ""))
    if until is None or now is None:
        return None
    return max(0.0, (until - now).total_seconds())


def _date(text: str) -> dt.datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
