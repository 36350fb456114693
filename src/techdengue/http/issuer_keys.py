"""The issuer's public keys (JWKS, RFC 7517): kept, and fetched again when they are old or a `kid` is unknown."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import jwt
import structlog

from .problems import unavailable

REFRESH_FLOOR_SECONDS: Final = 30.0
"""Tokens with made-up key ids must not turn us into a load on the issuer."""
RETRY_FLOOR_SECONDS: Final = 2.0
"""… and an issuer that could not be reached is not asked by every request."""
REFRESH_AFTER_SECONDS: Final = 600.0
FETCH_TIMEOUT: Final = aiohttp.ClientTimeout(total=5.0, connect=2.0)
_ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})

Fetch = Callable[[], Awaitable[dict[str, Any]]]
_log = structlog.get_logger()


class IssuerKeys:
    """Keys by `kid`. One fetch at a time; old keys serve on while the issuer cannot be reached."""

    def __init__(self, url: str, *, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch or (lambda: _fetch_jwks(url))
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._tried_at: float | None = None
        self._fetched_at: float | None = None
        self._floor = 0.0
        self._turn = asyncio.Lock()

    async def find(self, kid: object) -> jwt.PyJWK | None:
        """The key of this id; None where the issuer has no such one. Raises Problem 503 where no key was ever had."""
        if not isinstance(kid, str):
            return None
        if kid not in self._keys or self._older_than(self._fetched_at, REFRESH_AFTER_SECONDS):
            async with self._turn:
                if self._older_than(self._tried_at, self._floor):
                    await self._refresh()
        if self._fetched_at is None:
            raise unavailable("The issuer's keys cannot be read now")
        return self._keys.get(kid)

    def _older_than(self, since: float | None, seconds: float) -> bool:
        return since is None or self._clock() - since >= seconds

    async def _refresh(self) -> None:
        self._tried_at, self._floor = self._clock(), RETRY_FLOOR_SECONDS
        try:
            jwks = await self._fetch()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            _log.warning("issuer_keys_fetch_failed", error=type(error).__name__)
            return
        self._keys = {key.key_id: key for key in _usable(jwks) if key.key_id}
        self._fetched_at, self._floor = self._clock(), REFRESH_FLOOR_SECONDS
        _log.info("issuer_keys_fetched", keys=len(self._keys))


def _usable(jwks: dict[str, Any]) -> list[jwt.PyJWK]:
    listed = jwks.get("keys")
    found = []
    for entry in listed if isinstance(listed, list) else []:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK.from_dict(entry)
        except jwt.PyJWTError:
            continue  # a kind of key that is none of ours, which an issuer may well list
        if key.algorithm_name in _ALGORITHMS:
            found.append(key)
    return found


async def _fetch_jwks(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession(timeout=FETCH_TIMEOUT) as session, session.get(url) as response:
        response.raise_for_status()
        raw = await response.read()
    jwks = json.loads(raw)
    if not isinstance(jwks, dict):
        raise ValueError("not a JWKS")  # noqa: TRY004 - a bad answer, not a programming error
    return jwks
