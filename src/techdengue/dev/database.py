"""Databases of an embedded PostgreSQL: created, migrated, and opened to a login role that owns nothing."""

from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.migrate import migrate

SERVER_LOGIN: Final = "techdengue_server"
SERVER_ROLES: Final = (
    "techdengue_intake",
    "techdengue_reader",
    "techdengue_projector",
    "techdengue_jobs",
    "techdengue_auditor",
)
"""What the login role may become; the migrations create these."""

_SQL: Final = {file.stem: file.read_text("utf-8") for file in sorted((Path(__file__).parent / "sql").glob("*.sql"))}
_TIMEOUT: Final = 60.0


class Database(msgspec.Struct, frozen=True):
    """One migrated database and who opens it."""

    name: str
    owner_url: str
    """Of a superuser: for migrations, and for tests that look behind the curtain."""
    server_url: str
    """Of the NOINHERIT login role that the server uses."""


async def create_migrated(postgres: EmbeddedPostgres, name: str, server_password: str) -> Database:
    """Create the database unless it is there, bring it to this version's schema, and let the server in."""
    admin = await asyncpg.connect(postgres.url(), timeout=_TIMEOUT)
    try:
        if not await admin.fetchval(_SQL["database_exists"], name):
            await admin.execute(await admin.fetchval(_SQL["create_database"], name, "template1"))
        await migrate(postgres.url(name))
        statements = await admin.fetchval(
            _SQL["create_server_login"], SERVER_LOGIN, server_password, list(SERVER_ROLES)
        )
        await admin.execute(statements)
    finally:
        await admin.close(timeout=_TIMEOUT)
    return _describe(postgres, name, server_password)


async def copy_database(postgres: EmbeddedPostgres, source: str, name: str, server_password: str) -> Database:
    """Create a database as a copy of another one that nobody has open: much faster than migrating."""
    await _execute(postgres, "create_database", name, source)
    return _describe(postgres, name, server_password)


async def drop_database(postgres: EmbeddedPostgres, name: str) -> None:
    """Drop a database, cutting its sessions."""
    await _execute(postgres, "drop_database", name)


async def _execute(postgres: EmbeddedPostgres, statement: str, *names: str) -> None:
    admin = await asyncpg.connect(postgres.url(), timeout=_TIMEOUT)
    try:
        await admin.execute(await admin.fetchval(_SQL[statement], *names))
    finally:
        await admin.close(timeout=_TIMEOUT)


def _describe(postgres: EmbeddedPostgres, name: str, server_password: str) -> Database:
    return Database(
        name=name,
        owner_url=postgres.url(name),
        server_url=postgres.url(name, user=SERVER_LOGIN, password=server_password),
    )
