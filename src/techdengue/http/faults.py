"""Says what is wrong with the shape of something sent: msgspec's message, in the words of the wire, and its place."""

import functools
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from techdengue.domain.registry import ENTITY_TYPES
from techdengue.domain.wording import listed, pointer, shown

_UNKNOWN = "Object contains unknown field"
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_A_TIME = "a time with its offset (RFC 3339)"
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_ANY_INTEGER_FROM = -(2**63)
_WORDS_OF_PATTERNS = {
    "^[0-9]{7}$": "a 7-digit IBGE code",
    "^[0-9a-f]{64}$": "64 lower-case hexadecimal digits",
    "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$": "a UUID",
}

Fault = tuple[str, str]
"""What is wrong, and its JSON Pointer."""


def fault_of(error: Exception, sent: Any, shape: type, noun: str) -> Fault:
    """The fault that msgspec found in `sent`, which should have been a `shape`: `noun` is what to call that."""
    message, path = json_pointer(str(error))
    if message.startswith(_UNKNOWN) and isinstance(sent, dict):
        unknown = next(name for name in sent if name not in _fields(shape))
        others = ", ".join(_fields(shape))
        return f"{noun} has no field {shown(unknown)}; its fields are {others}", pointer("", unknown)
    if missing := _MISSING.match(message):
        return f"{missing[1]} is required", f"{path}/{missing[1]}"
    if path == "":
        return f"{noun} must be an object; this is {shown(sent)}", path
    name = path[1:]
    words = _words(_fields(shape)[name]) if name in _fields(shape) else ""
    return (f"{name} must be {words}; this is {shown(sent[name])}" if words else message), path


def parameter_fault(error: Exception, sent: dict[str, str], shape: type) -> Fault:
    """The same of a query string: its values are text, its fields parameters."""
    names = _fields(shape)
    unknown = next((name for name in sent if name not in names), None)
    if unknown is not None:
        return f"there is no parameter {shown(unknown)}; there are {', '.join(names)}", pointer("", unknown)
    message, path = json_pointer(str(error))
    name = path[1:]
    words = _words(names[name]) if name in names else ""
    if not words:
        return message, path
    if words == _A_TIME:
        words = f"{words[:-1]}; a + in a query is %2B)"
    text = sent[name]
    return f"{name} must be {words}; this is {text if _INTEGER.fullmatch(text) else shown(text)}", path


def no_such_type(name: str) -> str:
    """What to say of an entity type that there is not."""
    return f"there is no entity type {shown(name)}; there are {' and '.join(ENTITY_TYPES)}"


def json_pointer(message: str) -> Fault:
    """msgspec's "Expected `int` - at `$.a[0]`" as ("Expected `int`", "/a/0")."""
    text, _, place = message.partition(" - at `$")
    return text, re.sub(r"[.\[]", "/", place.rstrip("`").replace("[...]", "").replace("]", ""))


@functools.cache
def _fields(shape: type) -> dict[str, msgspec.inspect.Type]:
    described = msgspec.inspect.type_info(shape)
    assert isinstance(described, msgspec.inspect.StructType)  # noqa: S101 - every shape of the wire is a struct
    return {field.encode_name: field.type for field in described.fields}


def _words(kind: msgspec.inspect.Type) -> str:
    """What may be sent, in words; nothing where msgspec's own are the best there are."""
    match kind:
        case msgspec.inspect.UnionType():
            return listed(_distinct(map(_words, kind.types)))
        case msgspec.inspect.EnumType():
            return listed(str(member.value) for member in kind.cls)
        case msgspec.inspect.LiteralType():
            return listed(map(str, kind.values))
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return _words_of_number(kind)
        case msgspec.inspect.StrType():
            return _words_of_text(kind)
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.DateTimeType():
            return _A_TIME
        case msgspec.inspect.DictType():
            return "an object"
        case msgspec.inspect.ListType():
            return "an array"
        case _:
            return ""


def _words_of_number(kind: msgspec.inspect.IntType | msgspec.inspect.FloatType) -> str:
    if kind.ge is None or kind.ge <= _ANY_INTEGER_FROM:
        return "a 64-bit integer" if isinstance(kind, msgspec.inspect.IntType) else "a number"
    return f"{kind.ge} or more" if kind.le is None else f"from {kind.ge} to {kind.le}"


def _words_of_text(kind: msgspec.inspect.StrType) -> str:
    if kind.pattern is not None:
        return _WORDS_OF_PATTERNS.get(kind.pattern, f"text that matches {kind.pattern}")
    if kind.max_length is not None:
        return f"text of {kind.min_length or 0} to {kind.max_length} characters"
    return "text"


def _distinct(words: Iterable[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word] or [""]
