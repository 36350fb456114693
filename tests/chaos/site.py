"""Everything that runs and may be broken: two APIs, a projector, PostgreSQL behind a wire that can be cut, Redis, S3,
a reader that follows the log, and the road that devices take."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import msgspec

from techdengue.dev.database import Database, create_migrated
from techdengue.dev.ports import free_ports
from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.dev.private_files import keep_signing_key
from techdengue.dev.seaweedfs import EmbeddedSeaweed
from techdengue.dev.valkey import EmbeddedValkey
from tests.cli.running import run
from tests.e2e.processes import Program, Server, environment, running
from tests.e2e.wire import Json, Site

from .disk import Disk, Limited, make_disk
from .postgres_proxy import PostgresProxy
from .tailing import Tail

SQL: Final = {file.stem: file.read_text("utf-8") for file in sorted((Path(__file__).parent / "sql").glob("*.sql"))}
APIS: Final = 2
_WAL: Final = {"max_wal_size": "128MB", "min_wal_size": "32MB"}


class Broken(msgspec.Struct, frozen=True):
    """The processes of one run."""

    home: Path
    key_file: Path
    http: aiohttp.ClientSession
    disk: Disk
    postgres: EmbeddedPostgres
    proxy: PostgresProxy
    database: Database
    valkey: EmbeddedValkey
    s3: EmbeddedSeaweed
    servers: list[Server]
    projector: Program
    tail: Tail

    @property
    def site(self) -> Site:
        """The servers where they listen now, past every road."""
        return Site(self.http, [server.url for server in self.servers], self.key_file)

    async def owner(self) -> "asyncpg.Connection[Any]":
        """A connection that sees everything, past the wire."""
        return await asyncpg.connect(self.database.owner_url, timeout=30)

    async def command(self, *words: str) -> list[Json]:
        """What a `techdengue` command that must succeed prints as JSON."""
        env = environment(self.database.server_url, self.key_file)
        done = await run(*words, "--json", env=env, directory=self.home)
        assert done.code == 0, done.out + done.err
        found: list[Json] = msgspec.json.decode(done.out)
        return found


@contextlib.asynccontextmanager
async def standing() -> AsyncIterator[Broken]:
    """All of it, started; at the end nothing of it is left."""
    async with contextlib.AsyncExitStack() as stack:
        home = stack.enter_context(fresh_home("techdengue-chaos-"))
        disk = make_disk(home / "disk")
        stack.callback(disk.remove)
        postgres = EmbeddedPostgres(home / "disk" / "pg", port=free_ports(1)[0], log=home / "postgres.log")
        valkey, s3 = EmbeddedValkey(home / "redis", port=free_ports(1)[0]), EmbeddedSeaweed(home / "s3")
        for started in (postgres, valkey, s3):
            stack.push_async_callback(started.stop)
        await asyncio.gather(postgres.start(), valkey.start(), s3.start())
        if not (postgres.home / "data").exists():  # it runs as somebody else, who keeps the files elsewhere
            disk = Limited()
        database = await create_migrated(postgres, "app", f"chaos-{os.getpid()}")
        await _prepare(database)
        proxy = PostgresProxy(lambda: postgres.port)
        await stack.enter_async_context(proxy.open())
        key_file = home / "key.pem"
        keep_signing_key(key_file)
        wired = database.server_url.replace(f":{postgres.port}/", f":{proxy.port}/")
        env = environment(wired, key_file) | {"TECHDENGUE_REDIS_URL": valkey.url}
        servers = [Server(env, home / f"server-{number}.log") for number in range(APIS)]
        projector = Program(("projections", "run"), environment(database.server_url, key_file), home / "projector.log")
        tail = Tail(database.owner_url, home / "tail.log")
        await stack.enter_async_context(running(*servers, projector, tail))
        http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=40), connector=aiohttp.TCPConnector(force_close=True)
        )
        await stack.enter_async_context(http)
        yield Broken(home, key_file, http, disk, postgres, proxy, database, valkey, s3, servers, projector, tail)


@contextlib.contextmanager
def fresh_home(prefix: str) -> Iterator[Path]:
    """A directory with a short path, for the sake of Unix sockets."""
    home = Path(tempfile.mkdtemp(prefix=prefix))
    home.chmod(0o755)  # a PostgreSQL that may not be root enters as somebody else
    try:
        yield home
    finally:
        shutil.rmtree(home)


async def _prepare(database: Database) -> None:
    """Small WAL, so that a full disk is soon felt; a clock of the database that can be set."""
    owner = await asyncpg.connect(database.owner_url, timeout=30)
    try:
        for name, value in _WAL.items():
            await owner.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        await owner.execute("SELECT pg_reload_conf()")
        await owner.execute(SQL["shift_clock"])
    finally:
        await owner.close()
