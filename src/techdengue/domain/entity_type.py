"""What an entity type is: its fields, and where its entities get their município from.

A type is one object in a file of its own and one line in `registry.py`.
"""

import enum
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import msgspec

from .errors import invalid
from .shapes import Check, object_shape, shape_of
from .wording import pointer, shown

MUNICIPIO_FIELD = "municipio_cod_ibge"
DATA_PATH = "/data"

Rule = Callable[[dict[str, Any], str], None]
"""`rule(data, path)` looks at fields together, each of which is valid by itself. Raises InvalidOperation."""


class MunicipioFrom(enum.Enum):
    """Where a create takes its município from."""

    DATA = "data"
    PARENT = "parent"


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a document."""

    check: Check
    required: bool = False
    """It must be in a create, and no update may remove it."""
    fixed: bool = False
    """No later operation may give it another value."""
    default: Any = msgspec.UNSET
    """What readers show where a document does not hold it. Never written into a document: that would make
    conflicts for ever."""


class Parent(msgspec.Struct, frozen=True):
    """A reference to the entity whose município this one shares."""

    field: str
    entity_type: str


class EntityType(msgspec.Struct, frozen=True, kw_only=True, eq=False, dict=True):
    """One kind of entity that devices sync."""

    name: str
    fields: Mapping[str, Field]
    municipio_from: MunicipioFrom = MunicipioFrom.DATA
    parent: Parent | None = None
    rules: tuple[Rule, ...] = ()

    @cached_property
    def required(self) -> frozenset[str]:
        """The fields that a create must hold."""
        return frozenset(name for name, field in self.fields.items() if field.required)

    @cached_property
    def fixed_fields(self) -> tuple[str, ...]:
        """The fields that no later operation may give another value."""
        return tuple(name for name, field in self.fields.items() if field.fixed)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """What readers show for fields that a document does not hold."""
        return {name: field.default for name, field in self.fields.items() if field.default is not msgspec.UNSET}

    @cached_property
    def checks(self) -> dict[str, tuple[Check, str]]:
        """By field: its check, and its path from the operation."""
        return {name: (field.check, f"{DATA_PATH}/{name}") for name, field in self.fields.items()}

    @cached_property
    def update_shape(self) -> type:
        """A type of msgspec that takes no patch of an update with a wrong field, in JSON that is small and clean."""
        return self._shape(complete=False)

    @cached_property
    def create_shape(self) -> type:
        """The same of creates."""
        return self._shape(complete=True)

    def _shape(self, *, complete: bool) -> type:
        members = {name: shape_of(field.check) for name, field in self.fields.items()}
        return object_shape(self.name, members, required=self.required, complete=complete)

    def check_fixed(self, document: Mapping[str, Any], patch: Mapping[str, Any]) -> None:
        """Refuse a patch that gives a fixed field another value than the document's.

        Fixed fields are names and ids, so `7` and `"7"` are the same. Raises InvalidOperation.
        """
        for name in self.fixed_fields:
            if name in patch and name in document and str(patch[name]) != str(document[name]):
                raise invalid(
                    f"{name} is fixed once the {self.name} is created: it is {shown(document[name])} and cannot "
                    f"become {shown(patch[name])}; leave it out, or create another {self.name}",
                    pointer(DATA_PATH, name),
                )
