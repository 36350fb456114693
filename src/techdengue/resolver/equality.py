"""Equality of JSON values as RFC 8785 has it: `1` equals `1.0`, neither equals `true`; key order means nothing."""

from collections.abc import Hashable
from typing import Any


def canonical(value: Any) -> Hashable:
    """A hashable stand-in: two values have the same one exactly when their canonical JSON is the same."""
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
            return value  # type: ignore[no-any-return]  # a string, null or REMOVED is its own


def equal(left: Any, right: Any) -> bool:
    """Whether two values have the same canonical JSON."""
    if left.__class__ is str and right.__class__ is str:
        return bool(left == right)
    return canonical(left) == canonical(right)
