"""The service account's file, and the assertion that it signs to get an access token (RFC 7523)."""

import datetime as dt
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from .errors import CredentialsUnusable

SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
ASSERTION_LIFETIME: Final = dt.timedelta(hours=1)
"""The longest that Google takes."""


class _File(msgspec.Struct, frozen=True):
    type: str
    project_id: str
    private_key_id: str
    private_key: str
    client_email: str
    token_uri: str


class ServiceAccount:
    """Who we are to Google. Neither shown nor logged: it can sign for the project."""

    def __init__(self, file: _File, key: RSAPrivateKey) -> None:
        self.project_id = file.project_id
        self.token_uri = file.token_uri
        self._email = file.client_email
        self._key_id = file.private_key_id
        self._key = key

    def assertion(self, now: dt.datetime) -> str:
        """A signed statement of who we are and what we want, good for an hour."""
        claims: dict[str, Any] = {
            "iss": self._email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": int(now.timestamp()),
            "exp": int((now + ASSERTION_LIFETIME).timestamp()),
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})


def read_service_account(path: Path) -> ServiceAccount:
    """Read the JSON key file of a Google service account. Raises CredentialsUnusable."""
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
        key = load_pem_private_key(file.private_key.encode(), password=None)
    except OSError as error:
        raise CredentialsUnusable(path=str(path), reason=error.strerror or "it cannot be read") from error
    except msgspec.DecodeError as error:
        raise CredentialsUnusable(path=str(path), reason=f"it is no service-account key: {error}") from error
    except (ValueError, TypeError) as error:
        raise CredentialsUnusable(path=str(path), reason="its private_key cannot be read") from error
    if file.type != "service_account":
        raise CredentialsUnusable(path=str(path), reason="its type is not service_account")
    if not isinstance(key, RSAPrivateKey):
        raise CredentialsUnusable(path=str(path), reason="its private_key is not an RSA key")
    if urlsplit(file.token_uri).scheme not in ("https", "http"):
        raise CredentialsUnusable(path=str(path), reason="its token_uri is not an address")
    return ServiceAccount(file, key)
