"""The device's copies of the server's documents, and where it knows its entities to be."""

import sqlite3
from typing import Any

import msgspec

from .model import Copy
from .statements import STATEMENTS


class Copies:
    """Documents as the server last showed them. Who calls opens the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, entity_type: str, entity_name: str) -> list[Copy]:
        """One entity's copies: one a município that uses this id."""
        return [_copy(row) for row in self._run("select_copies", entity_type, entity_name)]

    def find(self, entity_type: str, entity_name: str, municipio: str) -> Copy | None:
        """The copy of one entity; an empty município fits where the id is known once."""
        found = self.of(entity_type, entity_name)
        if municipio:
            found = [copy for copy in found if copy.municipio in (municipio, "")]
        return found[-1] if len(found) == 1 or (found and municipio) else None

    def of_type(self, entity_type: str) -> list[Copy]:
        """Every copy of this type, the deleted ones too."""
        return [_copy(row) for row in self._run("select_all_copies", entity_type)]

    def hold(self, copy: Copy) -> None:
        """Keep a document, in place of what was kept of its entity."""
        name = str(copy.entity_id)
        if copy.municipio:
            self._run("delete_unplaced_copy", copy.entity_type, name)
        self._run(
            "upsert_copy",
            copy.entity_type,
            name,
            copy.municipio,
            msgspec.json.encode(copy.entity_id),
            copy.version,
            None if copy.data is None else msgspec.json.encode(copy.data),
            copy.download,
        )

    def drop_outlived(self, download: int) -> None:
        """Drop what this full download, now at its end, did not bring again."""
        self._run("delete_outlived_copies", download)

    def territories(self, entity_type: str, entity_name: str) -> tuple[str, ...]:
        """The municípios in which the device knows this entity, from copies and from its own queue."""
        return tuple(row[0] for row in self._run("select_territories", entity_type, entity_name))

    def _run(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        return self._connection.execute(STATEMENTS[statement], parameters)


def _copy(row: tuple[Any, ...]) -> Copy:
    entity_type, _, municipio, entity_id, version, data, download = row
    return Copy(
        entity_type=entity_type,
        entity_id=msgspec.json.decode(entity_id, type=int | str),
        municipio=municipio,
        version=version,
        data=None if data is None else msgspec.json.decode(data, type=dict[str, Any]),
        download=download,
    )
