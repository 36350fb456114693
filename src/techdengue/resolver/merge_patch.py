"""A JSON Merge Patch (RFC 7396) as leaf assignments: path -> scalar, array, REMOVED or `{}`."""

from typing import Any

from techdengue.domain.operation import OperationKind

from .model import REMOVED
from .paths import MEMBERS


def assignments(kind: OperationKind, data: dict[str, Any] | None) -> dict[str, Any]:
    """What an operation assigns, by JSON Pointer (RFC 6901). A create also assigns `{}` to the root.

    `{}` stands only where the patch has an empty object; arrays are never entered.
    """
    found: dict[str, Any] = {"": {}} if kind is OperationKind.CREATE else {}
    if data:
        _collect("", data, found)
    return found


def _collect(above: str, patch: dict[str, Any], found: dict[str, Any]) -> None:
    members = MEMBERS[above]
    for key, value in patch.items():
        path = members[key]
        if value is None:
            found[path] = REMOVED
        elif value.__class__ is dict and value:
            _collect(path, value, found)
        else:
            found[path] = value
