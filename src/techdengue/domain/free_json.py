"""Free JSON: what `metadata` may hold, checked in a walk that no depth can exhaust.

Values come from JSON or MessagePack, so a key may be no string and a value no JSON at all. Texts are looked at in the
encoded bytes, which the size needs anyway, and one by one only where those look wrong: three times as fast.
"""

import math
import sys
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from .errors import invalid
from .shapes import NOTHING
from .wording import is_clean, pointer, shown

LARGEST_INTEGER = 2**63 - 1
SMALLEST_INTEGER = -(2**63)

LONGEST_PATHS = 512 * 1024
"""Characters that the paths of an object's members may have together. A state holds every leaf under its whole path,
so one long name above many short ones would be a thousand times as large there as on the wire."""

_TOO_SMALL_TO_MATTER = 3000
"""Bytes of JSON whose paths cannot reach that: of n bytes each member takes five, so it is n²/20 at most."""

PlainInteger = Annotated[int, Meta(ge=SMALLEST_INTEGER, le=LARGEST_INTEGER)]
FiniteNumber = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
_Scalar = None | bool | PlainInteger | FiniteNumber | str
_SHAPED_DEPTH = 6
"""What is nested deeper is left to the walk."""

_Trail = tuple["_Trail | None", Any]
_encoder = msgspec.json.Encoder()
_ESCAPED_NUL = b"\\u0000"


def check_object(value: Any, path: str, *, max_depth: int, max_bytes: int) -> None:
    """Refuse all but an object of clean JSON, at most so deep (itself counted) and so large (as compact JSON)."""
    name = path.rpartition("/")[2]
    if type(value) is not dict:
        raise invalid(f"{name} must be an object; this is {shown(value)}", path)
    try:
        encoded = _encoder.encode(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        _walk(value, path, max_depth, looking_at_texts=True)
        raise
    if len(encoded) > max_bytes:
        raise invalid(f"{name} takes {len(encoded):,} bytes as JSON and may take {max_bytes:,}; send less", path)
    _walk(value, path, max_depth, looking_at_texts=_ESCAPED_NUL in encoded)
    if len(encoded) > _TOO_SMALL_TO_MATTER:
        _check_names(value, path)


def is_small_and_clean(encoded: bytes) -> bool:
    """Whether nothing in this JSON is too large or an unclean text: what shapes do not see."""
    return len(encoded) <= _TOO_SMALL_TO_MATTER and _ESCAPED_NUL not in encoded


def shape_of_objects(max_depth: int, max_bytes: int) -> Any:
    """Of those that `check_object` lets pass, but for the very deep ones."""
    if max_bytes < _TOO_SMALL_TO_MATTER:
        return NOTHING
    value: Any = _Scalar
    for _ in range(1, min(max_depth, _SHAPED_DEPTH)):
        value = _Scalar | list[value] | dict[str, value]
    return dict[str, value]


def is_plain(value: Any) -> bool:
    """Whether a value is null, a boolean, a finite number or an integer of at most 64 bits."""
    kind = type(value)
    if kind is int:
        return bool(SMALLEST_INTEGER <= value <= LARGEST_INTEGER)
    if kind is float:
        return math.isfinite(value)
    return value is None or kind is bool


def _walk(root: dict[Any, Any], path: str, max_depth: int, *, looking_at_texts: bool) -> None:
    """Look at every value once. A container's place is a linked trail, spelled out only in a refusal."""
    pending: list[tuple[Any, _Trail | None, int]] = [(root, None, 1)]
    while pending:
        container, trail, depth = pending.pop()
        if depth > max_depth:
            raise invalid(f"nested more than {max_depth} objects and arrays deep; flatten it", path)
        if type(container) is dict:
            for key in container:
                if type(key) is not str or (looking_at_texts and not is_clean(key)):
                    raise invalid(_BAD_KEY, _spell(path, trail))
        for key, value in container.items() if type(container) is dict else enumerate(container):
            kind = type(value)
            if kind is dict or kind is list:
                pending.append((value, (trail, key), depth + 1))
            elif not (not looking_at_texts or is_clean(value) if kind is str else is_plain(value)):
                raise invalid(_complaint(value), pointer(_spell(path, trail), key))


def _check_names(root: dict[str, Any], path: str) -> None:
    """Refuse names that add up, each counted for every member below it; what is in an array has no path."""
    pending: list[tuple[dict[str, Any], int]] = [(root, 0)]
    total = 0
    while pending:
        members, above = pending.pop()
        total += len(members) * above
        pending.extend((value, above + len(name) + 1) for name, value in members.items() if type(value) is dict)
    if total > LONGEST_PATHS:
        raise invalid(_LONG_NAMES, path)


_LONG_NAMES = f"the names above its values add up to more than {LONGEST_PATHS:,} characters; shorten the outer names"
_BAD_KEY = "a key must be a string without NUL characters and lone surrogates; rename it"


def _complaint(value: Any) -> str:
    match value:
        case str():
            return "text may hold no NUL characters and no lone surrogates; remove them"
        case int():
            return f"{shown(value)} does not fit in a signed 64-bit integer; send it as a string"
        case float():
            return f"{shown(value)} is not a JSON number; leave the field out or send null"
        case _:
            return f"{shown(value)} is not JSON; send a string, number, boolean, null, array or object"


def _spell(path: str, trail: _Trail | None) -> str:
    keys = []
    while trail is not None:
        trail, key = trail
        keys.append(key)
    for key in reversed(keys):
        path = pointer(path, key)
    return path
