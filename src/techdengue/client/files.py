"""The device's files: what waits for its upload, and what the server will not take. In the device's own SQLite file."""

import hashlib
import sqlite3
from pathlib import Path
from typing import Any, Final

import msgspec

from techdengue.domain.operation import EntityId

from .model import QueuedFile, RefusedFile
from .statements import STATEMENTS

_WAITING: Final = "waiting"
_REFUSED: Final = "refused"
_READ_BYTES: Final = 1 << 20


class Files:
    """Files in the order in which they were attached. Who calls opens the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, file: QueuedFile) -> None:
        """Put a file at the end."""
        name, entity_id = str(file.evidencia_id), msgspec.json.encode(file.evidencia_id)
        self._run("insert_file", name, file.municipio, entity_id, str(file.path), file.size)

    def waiting(self) -> list[QueuedFile]:
        """What is still to be uploaded, oldest first."""
        return [_queued(row) for row in self._run("select_files", _WAITING)]

    def refused(self) -> list[RefusedFile]:
        """What the server will not take, oldest first."""
        return [
            RefusedFile(file=_queued(row), code=row[5], message=row[6]) for row in self._run("select_files", _REFUSED)
        ]

    def remove(self, file: QueuedFile) -> None:
        """Take a file out: it is verified, or its user gave it up. The file itself stays."""
        self._run("delete_file", str(file.evidencia_id), file.municipio)

    def refuse(self, file: QueuedFile, code: str, message: str) -> None:
        """Keep a refused file for its user to see."""
        self._run("refuse_file", str(file.evidencia_id), file.municipio, code, message)

    def _run(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        return self._connection.execute(STATEMENTS[statement], parameters)


def _queued(row: tuple[Any, ...]) -> QueuedFile:
    _name, municipio, entity_id, path, size, *_ = row
    evidencia_id: EntityId = msgspec.json.decode(entity_id, type=int | str)
    return QueuedFile(evidencia_id=evidencia_id, municipio=municipio, path=Path(path), size=size)


def measured(path: Path) -> tuple[int, str]:
    """The size of a file, and its SHA-256 in hexadecimal. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as opened:
        while piece := opened.read(_READ_BYTES):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def piece_of(path: Path, offset: int, size: int) -> bytes:
    """Bytes of a file. Raises OSError."""
    with path.open("rb") as opened:
        opened.seek(offset)
        return opened.read(size)
