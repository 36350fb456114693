"""Two servers on one database, shared by the tests of a test process, and what a test needs of its own."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from techdengue.dev.database import Database
from techdengue.dev.private_files import keep_signing_key
from techdengue.dev.seaweedfs import S3Address
from tests.conftest import MakeDatabase
from tests.http.conftest import s3_settings

from .processes import Server, environment, running
from .wire import Site


@pytest.fixture(scope="session")
def key_file(servers_directory: Path) -> Path:
    """The key that signs the tokens."""
    key = servers_directory / f"e2e-{os.getpid()}.pem"
    keep_signing_key(key)
    return key


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client that waits for no answer for ever."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


@pytest.fixture(scope="session")
async def site_database(make_database: MakeDatabase) -> Database:
    """The database of `site`."""
    return await make_database()


@pytest.fixture(scope="session")
async def site(
    site_database: Database, key_file: Path, http: aiohttp.ClientSession, s3: S3Address, servers_directory: Path
) -> AsyncIterator[Site]:
    """Two servers on one database, one of two processes. Tests keep to entities, devices and users of their own."""
    variables = {f"TECHDENGUE_{name.upper()}": value for name, value in s3_settings(s3).items()}
    env = {**environment(site_database.server_url, key_file), **variables}
    servers = [Server(env, servers_directory / f"e2e-server-{count}.log", workers=count) for count in (1, 2)]
    async with running(*servers):
        yield Site(http, [server.url for server in servers], key_file)
        for server in servers:
            server.check_running()
