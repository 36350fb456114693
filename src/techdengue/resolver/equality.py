"""Equality of JSON values as RFC 8785 has it: `1` equals `1.0`, neither equals `true`; key order means nothing."""

from collections.abc import Hashable
from typing import Any


def canonical(value: Any) -> Hashable:
    """A hashable stand-in: two values have the same one exactly when their canonical JSON is the same."""
    if value.__class__ is str:
        return value  # its own, and by far the most frequent
    match value:
        case bool():
            return ("boolean", value)
        case int() | float():
            return float(value)  # RFC 8785 writes every number as an IEEE 754 double
        case list() | tuple():
            return ("array", tuple(map(canonical, value)))
        case dict():
            return ("object", frozenset((key, canonical(item)) for key, item in value.items()))
        case _:
            return value  # type: ignore[no-any-return]  # null or REMOVED is its own


def equal(left: Any, right: Any) -> bool:
    """Whether two values have the same canonical JSON."""
    if left is right:
        return True
    if left.__class__ is str or right.__class__ is str:
        return bool(left == right)
    if left.__class__ is list and right.__class__ is list:
        return len(left) == len(right) and all(map(equal, left, right))
    return canonical(left) == canonical(right)
