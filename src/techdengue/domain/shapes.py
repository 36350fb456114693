"""What msgspec can say of a field in C: a patch that is well formed is told so in one step, ten times as fast.

A shape only ever accepts. What it does not take is looked at by the field's check, which says what is wrong with it.
Values are such as JSON and MessagePack are read to; a tuple would pass for a list.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import UnsetType

Check = Callable[[Any, str], None]
"""`check(value, path)` is silent, or raises InvalidOperation at the path; never called with None."""

NOTHING: Any = UnsetType
"""The shape of a check that says none: it takes no value."""


class Shaped(msgspec.Struct, frozen=True):
    """A check, and a type of msgspec that takes nothing that the check refuses, in JSON that is small and clean."""

    check: Check
    shape: Any

    def __call__(self, value: Any, path: str) -> None:
        """The check's answer."""
        self.check(value, path)


def shaped(shape: Any) -> Callable[[Check], Shaped]:
    """Say a check's shape."""
    return lambda check: Shaped(check, shape)


def shape_of(check: Check) -> Any:
    """The shape of values that this check lets pass."""
    return check.shape if isinstance(check, Shaped) else NOTHING


def object_shape(name: str, members: Mapping[str, Any], *, required: frozenset[str], complete: bool) -> type:
    """The shape of an object with these members. The required ones are not null; `complete`: nor is one missing."""
    fields: list[Any] = []
    for member, shape in members.items():
        if member not in required:
            fields.append((member, shape | None, None))
        elif complete:
            fields.append((member, shape))
        else:
            fields.append((member, shape, None))
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True, gc=False)
