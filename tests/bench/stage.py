"""Where the contestants meet: one PostgreSQL that keeps its promises, databases, and server processes, all our own."""

import asyncio
import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import asyncpg
import msgspec

from techdengue.dev.database import Database, copy_database, create_migrated, drop_database
from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.dev.private_files import keep_signing_key
from techdengue.domain.access import Role
from techdengue.http.local_tokens import mint_local_token

_PASSWORD = "bench"
_TEMPLATE = "template"


class Server(msgspec.Struct, frozen=True):
    """A running server of ours."""

    url: str
    pid: int
    home: Path

    def token(self, *municipios: str, role: Role = Role.CAMPO, user: str = "bench") -> str:
        """A token that it takes."""
        return mint_local_token(self.home / "key.pem", user=user, role=role, municipios=municipios)


class Stage:
    """The cluster and what was made in it."""

    def __init__(self, postgres: EmbeddedPostgres, home: Path) -> None:
        self.postgres = postgres
        self._home = home
        self._number = 0

    async def database(self) -> Database:
        """Another database, empty and migrated."""
        self._number += 1
        return await copy_database(self.postgres, _TEMPLATE, f"bench_{self._number}", _PASSWORD)

    def check_space(self, wanted: int) -> None:
        """Raises RuntimeError where fewer bytes are free than that."""
        free = shutil.disk_usage(self._home).free
        if free < wanted:
            raise RuntimeError(f"it needs {wanted / 1e9:.0f} GB of disk, and {free / 1e9:.0f} GB are free")

    async def drop(self, database: Database) -> None:
        """Give its disk space back."""
        await drop_database(self.postgres, database.name)

    @contextlib.asynccontextmanager
    async def owner(self, database: Database) -> AsyncIterator[asyncpg.Connection]:
        """A superuser's connection."""
        connection = await asyncpg.connect(database.owner_url)
        try:
            yield connection
        finally:
            await connection.close()

    @contextlib.asynccontextmanager
    async def pool(self, database: Database, role: str, size: int, **settings: str) -> AsyncIterator[asyncpg.Pool]:
        """Connections in a role of the server."""
        async with asyncpg.create_pool(
            database.server_url, min_size=size, max_size=size, server_settings={"role": role, "jit": "off", **settings}
        ) as pool:
            yield pool

    async def settle(self, database: Database) -> None:
        """Vacuum, analyse, and write everything out, so that nobody's turn pays for what was before."""
        async with self.owner(database) as connection:
            await connection.execute("VACUUM (ANALYZE)")
            await connection.execute("CHECKPOINT")

    @contextlib.asynccontextmanager
    async def serving(
        self, database: Database, *, workers: int = 1, environment: Mapping[str, str] | None = None
    ) -> AsyncIterator[Server]:
        """`techdengue serve` on a free port, as an operator starts it; `environment` is added to its own."""
        key = self._home / "key.pem"
        keep_signing_key(key)
        variables = {
            **os.environ,
            **(environment or {}),
            "TECHDENGUE_DATABASE_URL": database.server_url,
            "TECHDENGUE_JWT_LOCAL_KEY_FILE": str(key),
            "TECHDENGUE_LOG_LEVEL": "warning",
        }
        command = [str(Path(sys.executable).with_name("techdengue")), "serve", "--port", "0"]
        if workers > 1:
            command += ["--workers", str(workers)]
        pipe = asyncio.subprocess.PIPE
        server = await asyncio.create_subprocess_exec(*command, env=variables, stdout=pipe)
        try:
            yield Server(await _listening(server), server.pid, self._home)
        finally:
            if server.returncode is None:
                server.terminate()
            await server.communicate()


async def _listening(server: asyncio.subprocess.Process) -> str:
    """The address that a starting server prints."""
    if server.stdout is None:
        raise RuntimeError("the server has no output")
    async with asyncio.timeout(60):
        async for line in server.stdout:
            if found := re.search(r"listening on (\S+)", line.decode()):
                return found[1]
    raise RuntimeError("the server ended before it listened")


@contextlib.asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """Everything started, and everything gone afterwards, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="techdengue-bench-") as directory:
        home = Path(directory)
        home.chmod(0o755)  # noqa: ASYNC240 - nothing else runs yet; and a PostgreSQL that may not be root enters as somebody else
        postgres = EmbeddedPostgres(home / "postgres", durable=True)
        await postgres.start()
        try:
            await create_migrated(postgres, _TEMPLATE, _PASSWORD)
            yield Stage(postgres, home)
        finally:
            await postgres.stop()
