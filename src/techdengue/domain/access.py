"""Who calls, and which municípios they may touch: the one place where territory is decided in Python.

PostgreSQL decides it again for readers, by row-level security.
"""

import enum

import msgspec


class Role(enum.Enum):
    """The four roles, least first (facts of the domain, "Roles")."""

    CAMPO = "CAMPO"
    VIGILANCIA = "VIGILANCIA"
    GESTOR = "GESTOR"
    ADMIN = "ADMIN"


_RANK = {role: rank for rank, role in enumerate(Role)}

ALL_MUNICIPIOS = frozenset({"*"})


class Caller(msgspec.Struct, frozen=True):
    """An authenticated user: `municipios` holds 7-digit IBGE codes, or just `*`."""

    user: str
    role: Role
    municipios: frozenset[str]

    def may_touch(self, municipio: str) -> bool:
        """Whether the caller's territory includes this município."""
        return municipio in self.municipios or self.sees_everything

    def is_at_least(self, role: Role) -> bool:
        """Whether the caller's role includes what `role` may do."""
        return _RANK[self.role] >= _RANK[role]

    @property
    def sees_everything(self) -> bool:
        """Whether the caller's territory is every município."""
        return "*" in self.municipios

    @property
    def only_municipio(self) -> str | None:
        """The one município of the caller's territory; None where there are others."""
        return next(iter(self.municipios)) if len(self.municipios) == 1 and not self.sees_everything else None

    def may_use_device_of(self, owner: str) -> bool:
        """Whether the caller may sync as a device that belongs to `owner`."""
        return owner == self.user or self.role is Role.ADMIN
