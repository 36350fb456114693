"""A JSON Merge Patch (RFC 7396) as leaves: path -> scalar, array, REMOVED or `{}`."""

from collections.abc import Mapping
from typing import Any, Final

from techdengue.domain.operation import OperationKind

from .model import REMOVED, Leaf, Stamp
from .paths import MEMBERS, PLACE

_CREATE: Final = OperationKind.CREATE  # an enum is slow to ask for its members, and this is asked of every operation
_UNSTAMPED: Final[Stamp] = (0, "", "")


def leaves_of(kind: OperationKind, data: dict[str, Any] | None, stamp: Stamp) -> dict[str, Leaf]:
    """What an operation assigns, by JSON Pointer (RFC 6901), with its stamp. A create also assigns `{}` to the root.

    `{}` stands only where the patch has an empty object; arrays are never entered.
    """
    found: dict[str, Leaf] = {"": ({}, stamp)} if kind is _CREATE else {}
    if data:
        _collect("", data, stamp, found)
    return found


def assignments(kind: OperationKind, data: dict[str, Any] | None) -> dict[str, Any]:
    """The values alone."""
    return {path: value for path, (value, _) in leaves_of(kind, data, _UNSTAMPED).items()}


def patch_of(assigned: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that assigns this: what a create's `assignments` were made of, in the same order."""
    patch: dict[str, Any] = {}
    for path, value in assigned.items():
        if path:
            outer, name = PLACE[path]
            node = patch
            for key in outer:
                node = node.setdefault(key, {})
            node[name] = None if value is REMOVED else value
    return patch


def _collect(above: str, patch: dict[str, Any], stamp: Stamp, found: dict[str, Leaf]) -> None:
    members = MEMBERS[above]
    for key, value in patch.items():
        if type(value) is dict and value:
            _collect(members[key], value, stamp, found)
        else:
            found[members[key]] = (REMOVED if value is None else value, stamp)
