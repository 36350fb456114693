"""RFC 7396 as its authors wrote it, and equality as RFC 8785 has it: the yardsticks that the laws measure with."""

import math
from typing import Any


def apply_patch(target: Any, patch: Any) -> Any:
    """The target after a JSON Merge Patch (RFC 7396, section 2). Neither argument is changed."""
    if not isinstance(patch, dict):
        return patch
    patched = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            patched.pop(key, None)
        else:
            patched[key] = apply_patch(patched.get(key), value)
    return patched


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values have one canonical text (RFC 8785): `1` is `1.0`, and neither is `true`."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if _is_number(left) and _is_number(right):
        return float(left) == float(right) or (math.isnan(left) and math.isnan(right))
    return type(left) is type(right) and bool(left == right)


def same_up_to_array_order(left: Any, right: Any) -> bool:
    """Like `same`, but the arrays of a document hold the same items in any order (arrays inside items are items)."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            same_up_to_array_order(value, right[key]) for key, value in left.items()
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and not _without(left, right)
    return same(left, right)


def holds(items: list[Any], wanted: Any) -> bool:
    """Whether an array holds an item."""
    return any(same(item, wanted) for item in items)


def _without(items: list[Any], taken: list[Any]) -> list[Any]:
    left = list(items)
    for item in taken:
        match = next((index for index, other in enumerate(left) if same(item, other)), None)
        if match is not None:
            del left[match]
    return left


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
