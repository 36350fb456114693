"""Secrets of the development environment: made once at random, kept in files that only their owner reads."""

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def keep_secret(place: Path) -> str:
    """The secret kept in this file, made at the first call. Safe to call from several processes at once."""
    if not place.exists():
        write_private(place, secrets.token_urlsafe(24).encode())
    return place.read_text("utf-8")


def keep_signing_key(place: Path) -> Path:
    """An Ed25519 private key (PEM) in this file, made at the first call: signs development tokens."""
    if not place.exists():
        key = Ed25519PrivateKey.generate()
        write_private(place, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return place


def write_private(place: Path, content: bytes, *, replace: bool = False) -> None:
    """Write a whole file with mode 0600, or nothing: a reader never sees half of it.

    Unless `replace` is set, a file that is there already stays as it is.
    """
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = place.with_name(f".{place.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if replace:
            draft.replace(place)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(draft, place)
    finally:
        draft.unlink(missing_ok=True)
