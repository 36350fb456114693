"""Brings a database to the schema of this version: numbered, forward-only SQL files of every package, each once.

Safe to start from several processes at once, on one database or on several databases of one cluster.
"""

import hashlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

PACKAGES: Final = ("eventstore", "techdengue", "projections", "jobs")
"""Whose migrations there are, in the order of application: schemas of later packages stand on earlier ones."""

_LOCK: Final = 0x7465636864656E67  # "techdeng": one advisory lock per database
_CONNECT_TIMEOUT: Final = 10.0


class MigrationChanged(Exception):
    """A file that was applied to this database has been edited since; write a new migration instead."""

    def __init__(self, name: str) -> None:
        super().__init__(f"migration {name} is not the one that was applied to this database")
        self.name = name


class Migration(msgspec.Struct, frozen=True):
    """One file: its name is `<package>/<NNNN_name>`, its checksum the SHA-256 of its text."""

    name: str
    text: str
    checksum: str


async def migrate(url: str, *, progress: Callable[[str], None] | None = None) -> list[str]:
    """Apply what is pending, each migration in its own transaction; answer the names applied.

    `url` is of a role that may create schemas and roles; `progress` is told each name before it is applied.
    Raises MigrationChanged, asyncpg.PostgresError (the failed migration is undone, earlier ones stay), OSError.
    """
    connection = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_CREATE_RECORD)
        applied = []
        for migration in _missing(await _recorded(connection)):
            if progress is not None:
                progress(migration.name)
            async with connection.transaction():
                await connection.execute(migration.text)
                await connection.execute(_RECORD, migration.name, migration.checksum)
            applied.append(migration.name)
        return applied
    finally:
        await connection.close(timeout=_CONNECT_TIMEOUT)  # the lock goes with the session


async def pending(url: str) -> list[str]:
    """Names of the migrations that this database still lacks. Raises as `migrate` does."""
    connection = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT)
    try:
        return [migration.name for migration in _missing(await _recorded(connection))]
    finally:
        await connection.close(timeout=_CONNECT_TIMEOUT)


def migrations() -> Iterator[Migration]:
    """Every migration of this version, in order of application."""
    for package in PACKAGES:
        for file in sorted(_folder(package).glob("*.sql")):
            text = file.read_text(encoding="utf-8")
            yield Migration(f"{package}/{file.stem}", text, hashlib.sha256(text.encode()).hexdigest())


_CREATE_RECORD: Final = """
CREATE SCHEMA IF NOT EXISTS techdengue;
CREATE TABLE IF NOT EXISTS techdengue.migration (
    name       text        NOT NULL PRIMARY KEY,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_RECORD: Final = "INSERT INTO techdengue.migration (name, checksum) VALUES ($1, $2)"
_RECORDED: Final = "SELECT name, checksum FROM techdengue.migration"


def _folder(package: str) -> Path:
    # Found, not imported: a migration must not run the code of the packages above this one.
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"package {package!r} is not installed, and with it its migrations", name=package)
    return Path(spec.submodule_search_locations[0]) / "sql" / "migrations"


async def _recorded(connection: asyncpg.Connection) -> dict[str, str]:
    if await connection.fetchval("SELECT to_regclass('techdengue.migration')") is None:
        return {}
    return {row["name"]: row["checksum"] for row in await connection.fetch(_RECORDED)}


def _missing(recorded: dict[str, str]) -> Iterator[Migration]:
    for migration in migrations():
        checksum = recorded.get(migration.name)
        if checksum is None:
            yield migration
        elif checksum != migration.checksum:
            raise MigrationChanged(migration.name)
