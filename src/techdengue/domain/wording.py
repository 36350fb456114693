"""How a refusal names a value and its place: safe to put into any answer, whatever the device sent."""

from collections.abc import Iterable
from typing import Any

_LONGEST_QUOTE = 40
_LONGEST_KEY = 100


def shown(value: Any) -> str:
    """A value in a few words: scalars quoted and cut short, containers only by kind. Always valid UTF-8."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str() if len(value) > _LONGEST_QUOTE:
            return f"{value[:_LONGEST_QUOTE]!r}… ({len(value)} characters)"
        case str() | float():
            return repr(value)
        case int():
            return repr(value) if value.bit_length() <= 64 else f"an integer of {value.bit_length()} bits"
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return f"a {type(value).__name__}"


def listed(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def pointer(path: str, key: Any) -> str:
    """The JSON Pointer of `key` below `path`; `path` itself where the key cannot be written in an answer."""
    if type(key) is int:
        return f"{path}/{key}"
    if type(key) is not str or len(key) > _LONGEST_KEY or not is_clean(key):
        return path
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"


def is_clean(text: str) -> bool:
    """Whether text has neither NUL characters (PostgreSQL stores none) nor lone surrogates (UTF-8 has none)."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
