"""Bearer tokens: verified once, then known by their digest until they expire (RFC 7519, RFC 6750, RFC 8725)."""

import collections
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jwt

from techdengue.domain.access import ALL_MUNICIPIOS, Caller, Role
from techdengue.settings import Settings

from .issuer_keys import IssuerKeys
from .local_tokens import LOCAL_AUDIENCE, LOCAL_ISSUER, LOCAL_TERRITORY_CLAIM, read_local_key
from .ports import Admission
from .problems import Problem, unauthenticated

_KEPT_TOKENS = 20_000
_LONGEST_TOKEN = 16 * 1024
_LONGEST_USER = 128
_MUNICIPIO = re.compile(r"[0-9]{7}")
_NO_TERRITORY = "The token's territory is not a list of IBGE codes"
_ROLES = {role.value: role for role in Role}


class TokenVerifier:
    """Verifies tokens of the issuer (by its JWKS) and, where the settings name a key, of the local key."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        key_file = settings.jwt_local_key_file
        self._local = read_local_key(Path(key_file)).public_key() if key_file else None
        self._issuer_keys = IssuerKeys(_jwks_url(settings)) if settings.jwt_issuer else None
        self._clients = frozenset(filter(None, map(str.strip, settings.jwt_client_ids.split(","))))
        self._known: collections.OrderedDict[bytes, Admission] = collections.OrderedDict()

    async def admit(self, token: str, *, afresh: bool = False) -> Admission:
        """The caller and the token's end; `afresh` checks the signature of a known one again.

        Raises Problem 401, 403 (no role of ours) or 503 (the issuer's keys cannot be had).
        """
        if len(token) > _LONGEST_TOKEN:
            raise unauthenticated("invalid_token", "The token is too long")
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        if known is not None and not afresh and self._clock() < known.expires:
            self._known.move_to_end(digest)
            return known
        claims = await self._read(token)
        local = claims["iss"] == LOCAL_ISSUER
        caller = _caller(claims, LOCAL_TERRITORY_CLAIM if local else self._settings.territory_claim)
        admission = Admission(caller, int(claims["exp"]))
        self._keep(digest, admission)
        return admission

    def _keep(self, digest: bytes, admission: Admission) -> None:
        self._known[digest] = admission
        self._known.move_to_end(digest)
        if len(self._known) > _KEPT_TOKENS:
            self._known.popitem(last=False)

    async def _read(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
            if self._local is not None and issuer == LOCAL_ISSUER:
                return self._decode(token, self._local, "EdDSA", LOCAL_ISSUER, LOCAL_AUDIENCE)
            if self._issuer_keys is None or issuer != self._settings.jwt_issuer:
                raise unauthenticated("invalid_token", "The token is of another issuer")
            key = await self._issuer_keys.find(header.get("kid"))
            if key is None or header.get("alg") != key.algorithm_name:
                raise unauthenticated("invalid_token", "The token is signed with an unknown key")
            claims = self._decode(
                token, key.key, key.algorithm_name, self._settings.jwt_issuer, self._settings.jwt_audience
            )
        except jwt.ExpiredSignatureError as error:
            raise unauthenticated("token_expired", "The token has expired") from error
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise unauthenticated("invalid_token", "The token does not verify") from error
        if self._clients and claims.get("azp") not in self._clients:
            raise unauthenticated("invalid_token", "The token was issued to another client")
        return claims

    def _decode(self, token: str, key: Any, algorithm: str, issuer: str, audience: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=audience,
            options={"require": ["exp", "iss", "aud"], "verify_iat": False},
        )
        return claims


def _caller(claims: Mapping[str, Any], territory_claim: str) -> Caller:
    user = claims.get("sub") or claims.get("preferred_username")
    if not isinstance(user, str) or not user.isprintable() or len(user) > _LONGEST_USER:
        raise unauthenticated("invalid_token", "The token names no user")
    return Caller(user=user, role=_role(claims), municipios=_municipios(claims.get(territory_claim)))


def _role(claims: Mapping[str, Any]) -> Role:
    access = claims.get("realm_access")
    named = access.get("roles") if isinstance(access, dict) else None
    held = {name for name in named if isinstance(name, str)} if isinstance(named, list) else set()
    ours = [role for name, role in _ROLES.items() if name in held]
    if not ours:
        raise Problem("forbidden_role", f"The token holds none of the roles {', '.join(_ROLES)}")
    return ours[-1]


def _municipios(claim: Any) -> frozenset[str]:
    """The territory; no claim is no territory, a malformed one is refused, because row-level security reads it."""
    listed = [] if claim is None else claim if isinstance(claim, list) else [claim]
    if not all(isinstance(code, str | int) and not isinstance(code, bool) for code in listed):
        raise unauthenticated("invalid_token", _NO_TERRITORY)
    codes = {str(code) for code in listed}
    if "*" in codes:
        return ALL_MUNICIPIOS
    if not all(_MUNICIPIO.fullmatch(code) for code in codes):
        raise unauthenticated("invalid_token", _NO_TERRITORY)
    return frozenset(codes)


def _jwks_url(settings: Settings) -> str:
    return settings.jwks_url or f"{settings.jwt_issuer.rstrip('/')}/protocol/openid-connect/certs"
