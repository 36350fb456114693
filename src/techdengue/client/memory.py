"""A device's file: opening it, its transactions, and the few values that it remembers by name."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import WrongDevice
from .statements import STATEMENTS

_LAYOUT = 2
"""Of `sql/schema.sql` with what was added since; kept in SQLite's user_version."""


def open_file(path: Path | str, device_id: str, *, durable: bool = True) -> sqlite3.Connection:
    """Open or create a device's file (`:memory:` for none). Raises WrongDevice for another device's.

    `durable` waits for the disk at each operation, so that a flat battery loses none.
    """
    connection = sqlite3.connect(path, timeout=10.0, isolation_level=None)
    try:
        if str(path) == ":memory:":  # thousands of simulated devices: pages of 4 KiB would be mostly empty
            connection.execute("PRAGMA page_size = 1024")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        _lay_out(connection)
        _claim(Memory(connection), device_id)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or none, also when the process is killed."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class Memory:
    """Values by name: the cursor, the state of retries, whose file this is."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def recall(self, name: str) -> str | None:
        """What was remembered under the name."""
        row = self._connection.execute(STATEMENTS["recall"], (name,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, name: str, value: str) -> None:
        """Remember a value."""
        self._connection.execute(STATEMENTS["remember"], (name, value))

    def forget(self, name: str) -> None:
        """Forget a value."""
        self._connection.execute(STATEMENTS["forget"], (name,))


def _lay_out(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > _LAYOUT:
            raise WrongDevice(f"the file has layout {found}, this program knows {_LAYOUT}")
        if found == 0:
            for statement in STATEMENTS["schema"].split(";\n"):
                connection.execute(statement)
        if found < _LAYOUT:
            connection.execute(STATEMENTS["add_files"])
            connection.execute(f"PRAGMA user_version = {_LAYOUT}")


def _claim(memory: Memory, device_id: str) -> None:
    owner = memory.recall("device_id")
    if owner is None:
        memory.remember("device_id", device_id)
    elif owner != device_id:
        raise WrongDevice(
            f"the file belongs to the device {owner!r}; open it as {owner!r}, or use another file for {device_id!r}"
        )
