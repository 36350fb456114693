"""FCM's HTTP v1 over one session: connections are kept and used again, one message a request.

One request and its answer; who tries again, and when, is decided above. A credential that is not taken is refreshed
once, which FCM's error table asks for and nobody above could do.
"""

import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import aiohttp

from techdengue import telemetry

from .access import AccessTokens
from .answers import read_answer
from .errors import AccessUnavailable, CredentialsRefused
from .model import Answer, Message, Outcome, Target
from .service_account import ServiceAccount
from .wire import encode

GOOGLE: Final = "https://fcm.googleapis.com"
TIMEOUT: Final = aiohttp.ClientTimeout(total=10.0, sock_connect=5.0)
KEPT_SECONDS: Final = 50.0
"""Below what Google keeps an idle connection for, so that we are the one who closes it."""


class FcmClient:
    """Sends messages of one project. Use `open_client`."""

    def __init__(
        self,
        account: ServiceAccount,
        session: aiohttp.ClientSession,
        *,
        endpoint: str,
        clock: Callable[[], dt.datetime],
        time_limits: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:
        self._session = session
        self._url = f"{endpoint.rstrip('/')}/v1/projects/{account.project_id}/messages:send"
        self._clock = clock
        self._time_limits = time_limits
        self._tokens = AccessTokens(account, session, clock=clock)

    async def send(self, message: Message, target: Target, *, ttl: dt.timedelta, validate_only: bool = False) -> Answer:
        """One message to one target, at most twice on the wire: again with a new token where the first is not taken.

        Raises MessageUnsendable.
        """
        body = encode(message, target, ttl=ttl, now=self._clock(), validate_only=validate_only)
        try:
            token = await self._tokens.get()
            answer = await self._post(body, token)
            if answer.outcome is Outcome.UNAUTHORIZED:
                answer = await self._post(body, await self._tokens.get(instead_of=token))
        except AccessUnavailable as error:
            return Answer(outcome=Outcome.UNAVAILABLE, code="access_unavailable", retry_after=error.retry_after)
        except CredentialsRefused as error:
            return Answer(outcome=Outcome.UNAUTHORIZED, status=error.status, code=error.reason)
        return answer

    async def _post(self, body: bytes, token: str) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
        began = time.monotonic()
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, timeout=self._time_limits, allow_redirects=False
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            return Answer(outcome=Outcome.UNAVAILABLE, code=type(error).__name__)
        telemetry.PUSH_REQUEST_DURATION.observe(time.monotonic() - began)
        return read_answer(response.status, response.headers, raw, now=self._clock())


@contextlib.asynccontextmanager
async def open_client(
    account: ServiceAccount,
    *,
    endpoint: str = GOOGLE,
    connections: int = 64,
    clock: Callable[[], dt.datetime],
    time_limits: aiohttp.ClientTimeout = TIMEOUT,
) -> AsyncIterator[FcmClient]:
    """A client with its session, which has at most so many connections."""
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEPT_SECONDS)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield FcmClient(account, session, endpoint=endpoint, clock=clock, time_limits=time_limits)
