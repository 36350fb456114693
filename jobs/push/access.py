"""Access tokens of the service account: kept, refreshed when 80 % of their time is over, by one caller at a time."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Final

import aiohttp
import msgspec
import structlog

from .answers import retry_after
from .errors import AccessUnavailable, CredentialsRefused
from .service_account import ServiceAccount

TIMEOUT: Final = aiohttp.ClientTimeout(total=10.0, sock_connect=5.0)
REFRESH_AT: Final = 0.8
FAILED_FOR: Final = dt.timedelta(seconds=1)
"""Those who waited for a request that failed do not each make one of their own."""
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"

_log = structlog.get_logger()


class _Granted(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float


class _Refused(msgspec.Struct, frozen=True):
    error: str = ""


class _Access(msgspec.Struct, frozen=True):
    token: str
    refresh_at: dt.datetime
    expires_at: dt.datetime


class _Failure(msgspec.Struct, frozen=True):
    error: AccessUnavailable | CredentialsRefused
    until: dt.datetime


class AccessTokens:
    """The bearer token of the moment. `clock` answers aware UTC."""

    def __init__(
        self, account: ServiceAccount, session: aiohttp.ClientSession, *, clock: Callable[[], dt.datetime]
    ) -> None:
        self._account = account
        self._session = session
        self._clock = clock
        self._access: _Access | None = None
        self._failure: _Failure | None = None
        self._turn = asyncio.Lock()

    async def get(self, *, instead_of: str = "") -> str:
        """A token that is good now; `instead_of`: one that was not taken, which is refreshed whatever its age.

        Whoever comes meanwhile waits for the one request. Raises AccessUnavailable, CredentialsRefused.
        """
        access = self._access
        if access is None or self._is_due(access, instead_of):
            async with self._turn:
                access = self._access
                if access is None or self._is_due(access, instead_of):
                    access = await self._refresh(access, instead_of)
        return access.token

    def _is_due(self, access: _Access, instead_of: str) -> bool:
        return access.token == instead_of or self._clock() >= access.refresh_at

    async def _refresh(self, old: _Access | None, instead_of: str) -> _Access:
        try:
            self._access = await self._fetch_unless_failed()
        except AccessUnavailable:
            if old is None or old.token == instead_of or self._clock() >= old.expires_at:
                raise
            return old
        _log.info("push_access_refreshed")
        return self._access

    async def _fetch_unless_failed(self) -> _Access:
        if self._failure is not None and self._clock() < self._failure.until:
            raise self._failure.error
        try:
            return await self._fetch()
        except (AccessUnavailable, CredentialsRefused) as error:
            _log.warning("push_access_refresh_failed", reason=error.reason)
            asked = error.retry_after if isinstance(error, AccessUnavailable) else None
            self._failure = _Failure(error, self._clock() + (asked or FAILED_FOR))
            raise

    async def _fetch(self) -> _Access:
        now = self._clock()
        form = {"grant_type": _GRANT, "assertion": self._account.assertion(now)}
        try:
            async with self._session.post(
                self._account.token_uri, data=form, timeout=TIMEOUT, allow_redirects=False
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AccessUnavailable(reason=type(error).__name__) from error
        if response.status == 429 or response.status >= 500:
            asked = retry_after(response.headers.get("Retry-After", ""), now=now)
            raise AccessUnavailable(reason=f"status {response.status}", retry_after=asked)
        if response.status != 200:
            raise CredentialsRefused(status=response.status, reason=_reason(raw))
        return _granted(raw, now)


def _granted(raw: bytes, now: dt.datetime) -> _Access:
    try:
        granted = msgspec.json.decode(raw, type=_Granted)
    except msgspec.DecodeError as error:
        raise AccessUnavailable(reason="an answer that holds no token") from error
    lifetime = dt.timedelta(seconds=granted.expires_in)
    return _Access(granted.access_token, now + lifetime * REFRESH_AT, now + lifetime)


def _reason(raw: bytes) -> str:
    """OAuth's word for it (RFC 6749, 5.2), which holds nothing of ours."""
    try:
        return msgspec.json.decode(raw, type=_Refused).error[:64]
    except msgspec.DecodeError:
        return ""
