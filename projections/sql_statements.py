"""The statements of this package by name, read once at import: `sql/NAME.sql` and `queries` alike.

A projection's statements name their tables `projections.…`; `in_schema` gives the same statement for tables of
the same shape elsewhere (a rebuild builds in `projections_next`, a verification in `pg_temp`). The types `…_row` stay.
"""

import re
from importlib import resources
from types import MappingProxyType

_HOME = re.compile(r"projections\.(?!\w+_row\b)")


def _read() -> dict[str, str]:
    folder = resources.files(__package__).joinpath("sql")
    return {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    }


STATEMENTS = MappingProxyType(_read())

LIVE = "projections"
NEXT = "projections_next"
CHECK = "pg_temp"

_PLACED = MappingProxyType(
    {
        schema: {name: _HOME.sub(f"{schema}.", text) for name, text in STATEMENTS.items()}
        for schema in (LIVE, NEXT, CHECK)
    }
)


def in_schema(name: str, schema: str) -> str:
    """The statement `name` for tables that live in `schema`: LIVE, NEXT or CHECK."""
    return _PLACED[schema][name]
