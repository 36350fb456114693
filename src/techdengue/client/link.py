"""One device's calls to the server: authentication, packing, and what each status means to a device."""

import datetime as dt
import gzip
import inspect
from collections.abc import Awaitable, Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec

from . import wire
from .errors import Forbidden, TooLarge, Unacceptable, Unauthorized, UnexpectedAnswer, Unreachable
from .transport import Request, Response, Transport

TokenSource = str | Callable[[], str | Awaitable[str]]
"""A bearer token, or what gives one; a callable is asked again once when the server answers 401."""

PACK_ABOVE = 1024
"""Bytes: larger request bodies travel as gzip."""

_T = TypeVar("_T")


class Link:
    """The server, as one device reaches it."""

    def __init__(self, transport: Transport, base_url: str, device_id: str, token: TokenSource) -> None:
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._device_id = device_id
        self._source = token
        self._token: str | None = None

    async def send_operations(self, bodies: Sequence[bytes], *, batch_id: str, sent_at: str) -> wire.SyncAnswer:
        """`POST /api/sync`. Raises LinkError."""
        body = wire.encode_request(bodies, batch_id=batch_id, device_id=self._device_id, sent_at=sent_at)
        return _decode(await self._call("POST", "/api/sync", body=body), wire.SyncAnswer)

    async def read_changes(self, cursor: str | None, limit: int) -> wire.ChangesPage:
        """`GET /api/sync/changes`. Raises LinkError; Unacceptable with `invalid_cursor` for a cursor from elsewhere."""
        params = {"limit": str(limit)} | ({} if cursor is None else {"cursor": cursor})
        return _decode(await self._call("GET", "/api/sync/changes", params=params), wire.ChangesPage)

    async def _call(
        self, method: str, path: str, *, params: dict[str, str] | None = None, body: bytes | None = None
    ) -> bytes:
        headers = {"X-Device-ID": self._device_id, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
            if len(body) > PACK_ABOVE:
                headers["Content-Encoding"] = "gzip"
                body = gzip.compress(body, 6, mtime=0)
        response = await self._authorized(method, self._base_url + path, headers, params or {}, body)
        _check(response)
        return response.body

    async def _authorized(
        self, method: str, url: str, headers: dict[str, str], params: dict[str, str], body: bytes | None
    ) -> Response:
        for ask_again in (callable(self._source), False):
            if self._token is None:
                self._token = await self._ask_token()
            response = await self._transport.send(
                Request(
                    method=method,
                    url=url,
                    params=params,
                    body=body,
                    headers=headers | {"Authorization": f"Bearer {self._token}"},
                )
            )
            if response.status != 401:
                return response
            self._token = None
            if not ask_again:
                break
        raise Unauthorized(_reason(response), code=_problem(response).code)

    async def _ask_token(self) -> str:
        if isinstance(self._source, str):
            return self._source
        answer = self._source()
        return await answer if inspect.isawaitable(answer) else answer


def _check(response: Response) -> None:
    status = response.status
    if status == 200:
        return
    reason = _reason(response)
    if status in (408, 425, 429) or status >= 500 or 300 <= status < 400:
        raise Unreachable(reason, retry_after=_retry_after(response.headers))
    match status:
        case 403:
            raise Forbidden(reason, code=_problem(response).code)
        case 413:
            raise TooLarge(reason)
        case 400 | 422 if "problem+json" in response.headers.get("content-type", ""):
            raise Unacceptable(reason, code=_problem(response).code)
        case _:
            raise UnexpectedAnswer(reason, status=status)


def _decode(body: bytes, kind: type[_T]) -> _T:
    """A 200 that is no answer of ours comes from something between us and the server: try again later."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise Unreachable(f"the answer is not a sync server's: {error}") from error


def _problem(response: Response) -> wire.Problem:
    try:
        return msgspec.json.decode(response.body, type=wire.Problem)
    except msgspec.DecodeError:
        return wire.Problem()


def _reason(response: Response) -> str:
    problem = _problem(response)
    text = problem.detail or problem.title
    return f"the server answered {response.status}{': ' + text if text else ''}"


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
