"""The kinds of fields that entities are made of. Each answers a check: silent, or InvalidOperation at the path."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from msgspec import Meta

from .errors import invalid
from .free_json import LARGEST_INTEGER, SMALLEST_INTEGER, PlainInteger, check_object, shape_of_objects
from .municipios import MUNICIPIOS
from .shapes import Check, shaped
from .wording import is_clean, listed, shown

LONGEST_ID = 64

_CONTROL = r"\x00-\x1f\x7f-\x9f"
_UNPRINTABLE = re.compile(rf"[{_CONTROL}\ud800-\udfff]")
_ID_TEXT = Annotated[str, Meta(min_length=1, max_length=LONGEST_ID, pattern=rf"\A[^{_CONTROL}]*\Z")]


def choice(allowed: Iterable[str]) -> Check:
    """One of a closed set of words."""
    words = tuple(allowed)
    members = frozenset(words)

    @shaped(Literal[words])
    def check(value: Any, path: str) -> None:
        if type(value) is not str or value not in members:
            raise invalid(f"{_name(path)} must be {listed(words)}; this is {shown(value)}", path)

    return check


def text(longest: int) -> Check:
    """A string of at most `longest` characters (code points)."""

    @shaped(Annotated[str, Meta(max_length=longest)])
    def check(value: Any, path: str) -> None:
        if type(value) is not str:
            raise invalid(f"{_name(path)} must be a string; this is {shown(value)}", path)
        if len(value) > longest:
            raise invalid(f"{_name(path)} has {len(value):,} characters and may have {longest:,}; shorten it", path)
        if not is_clean(value):
            raise invalid(f"{_name(path)} may hold no NUL characters and no lone surrogates; remove them", path)

    return check


def integer(least: int, most: int) -> Check:
    """A whole number from `least` to `most`."""

    @shaped(Annotated[int, Meta(ge=least, le=most)])
    def check(value: Any, path: str) -> None:
        if type(value) is not int:
            raise invalid(f"{_name(path)} must be an integer; this is {shown(value)}", path)
        if not least <= value <= most:
            raise invalid(f"{_name(path)} must be from {least:,} to {most:,}; this is {shown(value)}", path)

    return check


def pattern(expression: str, described: str) -> Check:
    """A string that a regular expression matches whole; `described` says in words which those are."""
    compiled = re.compile(expression, re.ASCII)

    @shaped(Annotated[str, Meta(pattern=rf"(?a)\A(?:{expression})\Z")])
    def check(value: Any, path: str) -> None:
        if type(value) is not str or compiled.fullmatch(value) is None:
            raise invalid(f"{_name(path)} must be {described}; this is {shown(value)}", path)

    return check


def free_object(max_depth: int, max_bytes: int) -> Check:
    """An object of whatever JSON its users agree on."""

    @shaped(shape_of_objects(max_depth, max_bytes))
    def check(value: Any, path: str) -> None:
        check_object(value, path, max_depth=max_depth, max_bytes=max_bytes)

    return check


def check_id(value: Any, path: str) -> None:
    """An entity's id: a signed 64-bit integer, or 1 to 64 characters without control characters."""
    if type(value) is int:
        if not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            raise invalid(f"{_name(path)} does not fit in a signed 64-bit integer; send it as a string", path)
    elif type(value) is str:
        check_name(value, path, longest=LONGEST_ID)
    else:
        raise invalid(f"{_name(path)} must be an integer or a string; this is {shown(value)}", path)


check_reference = shaped(PlainInteger | _ID_TEXT)(check_id)
"""The same of an entity that a field names."""


def check_name(value: Any, path: str, *, longest: int) -> None:
    """A string of 1 to `longest` characters without control characters and lone surrogates."""
    if type(value) is not str:
        raise invalid(f"{_name(path)} must be a string; this is {shown(value)}", path)
    if not 1 <= len(value) <= longest:
        raise invalid(f"{_name(path)} must have 1 to {longest} characters; this has {len(value):,}", path)
    if not (value.isascii() and value.isprintable()) and _UNPRINTABLE.search(value):
        raise invalid(f"{_name(path)} may hold no control characters and no lone surrogates; remove them", path)


@shaped(Literal[tuple(MUNICIPIOS)])
def check_municipio(value: Any, path: str) -> None:
    """The IBGE code of a município of Mato Grosso, as a string."""
    if type(value) is not str or value not in MUNICIPIOS:
        raise invalid(
            f"{_name(path)} must be the 7-digit IBGE code of one of the {len(MUNICIPIOS)} municípios of "
            f'Mato Grosso, as a string such as "5103403" (Cuiabá); this is {shown(value)}',
            path,
        )


def _name(path: str) -> str:
    return path.rpartition("/")[2]
