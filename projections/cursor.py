"""Opaque cursors: base64url, bound to their list, its scope (territory, filters) and the log they point into."""

import base64
import binascii
import hashlib
from typing import Any

import msgspec

from .errors import CursorFromElsewhere

_DIGEST_BYTES = 12
_LARGEST_POSITION = 2**53
"""Far beyond any log, and small enough that a page's size can be added to it."""


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    scope: bytes
    place: list[Any]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Cursor)


class Scope(msgspec.Struct, frozen=True):
    """What a cursor belongs to: the list's name, the log's identity, the territory, and every filter in order."""

    endpoint: str
    log: str
    municipios: frozenset[str]
    filters: tuple[str | None, ...] = ()

    def digest(self) -> bytes:
        """A short fingerprint; the territory's order does not matter."""
        parts = [self.endpoint, self.log, sorted(self.municipios), self.filters]
        return hashlib.sha256(_encoder.encode(parts)).digest()[:_DIGEST_BYTES]


def encode_cursor(scope: Scope, *place: int | str) -> str:
    """The cursor of a place in a list."""
    raw = _encoder.encode(_Cursor(scope.digest(), list(place)))
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_cursor(scope: Scope, text: str, *kinds: tuple[type, ...]) -> tuple[Any, ...]:
    """The place that a cursor of this scope names, its parts being of one of `kinds`.

    Raises CursorFromElsewhere for any other.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = _decoder.decode(raw)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise CursorFromElsewhere from error
    if cursor.scope != scope.digest() or tuple(map(type, cursor.place)) not in kinds:
        raise CursorFromElsewhere
    if not all(map(_is_storable, cursor.place)):
        raise CursorFromElsewhere
    return tuple(cursor.place)


def _is_storable(part: int | str) -> bool:
    """Whether PostgreSQL could have given us this: cursors are not signed, so a part may be anything of its type."""
    return "\x00" not in part if isinstance(part, str) else 0 <= part <= _LARGEST_POSITION
