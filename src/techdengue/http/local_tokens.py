"""Tokens of the local key, for development: minted here, verified in `auth.py` where the settings name the key.

It imports nothing of the web framework: every command that needs a token would pay for that.
"""

import datetime as dt
from collections.abc import Collection
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from techdengue.domain.access import Role
from techdengue.settings import SettingsError

LOCAL_ISSUER: Final = "urn:techdengue:local"
LOCAL_AUDIENCE: Final = "techdengue"
LOCAL_TERRITORY_CLAIM: Final = "municipios"
DEFAULT_LIFETIME: Final = dt.timedelta(hours=12)


def mint_local_token(
    key_file: Path,
    *,
    user: str,
    role: Role,
    municipios: Collection[str],
    lifetime: dt.timedelta = DEFAULT_LIFETIME,
) -> str:
    """A token of the local key. Raises SettingsError where the file holds no Ed25519 private key."""
    now = dt.datetime.now(dt.UTC)
    claims = {
        "iss": LOCAL_ISSUER,
        "aud": LOCAL_AUDIENCE,
        "sub": user,
        "iat": now,
        "exp": now + lifetime,
        "realm_access": {"roles": [role.value]},
        LOCAL_TERRITORY_CLAIM: sorted(municipios),
    }
    return jwt.encode(claims, read_local_key(key_file), algorithm="EdDSA")


def read_local_key(key_file: Path) -> Ed25519PrivateKey:
    """The key of a PEM file. Raises SettingsError where there is no Ed25519 private key in it."""
    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{key_file} cannot be read as a private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"{key_file} holds no Ed25519 key")
    return key
