"""A JSON Merge Patch (RFC 7396) as leaf assignments: path -> scalar, array, REMOVED or `{}`."""

import functools
from typing import Any

from techdengue.domain.operation import OperationKind

from .model import REMOVED


def assignments(kind: OperationKind, data: dict[str, Any] | None) -> dict[str, Any]:
    """What an operation assigns, by JSON Pointer (RFC 6901). A create also assigns `{}` to the root.

    `{}` stands only where the patch has an empty object; arrays are never entered.
    """
    found: dict[str, Any] = {"": {}} if kind is OperationKind.CREATE else {}
    if data:
        _collect("", data, found)
    return found


LONGEST_KEPT_PATH = 256
"""Longer paths are taken apart anew each time: a device may send keys of 64 KiB, and a cache of those is a leak."""


def keys_of(path: str) -> tuple[str, ...]:
    """The object keys that a JSON Pointer names, outermost first; none for the root."""
    return _kept_keys(path) if len(path) <= LONGEST_KEPT_PATH else _keys(path)


def _keys(path: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])


_kept_keys = functools.lru_cache(maxsize=65_536)(_keys)


def _collect(prefix: str, patch: dict[str, Any], found: dict[str, Any]) -> None:
    for key, value in patch.items():
        path = f"{prefix}/{key}" if "~" not in key and "/" not in key else f"{prefix}/{_escaped(key)}"
        if value is None:
            found[path] = REMOVED
        elif value.__class__ is dict and value:
            _collect(path, value, found)
        else:
            found[path] = value


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
