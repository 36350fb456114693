"""The command line as a person runs it: processes with their own directory and environment, on real servers."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

import aiohttp
import pytest

from techdengue.dev.database import Database
from techdengue.dev.private_files import keep_signing_key

from .running import Finished, Serving, run, serving

MakeDatabase = Callable[[], Awaitable[Database]]


class Run(Protocol):
    """Runs a `techdengue` command to its end in an empty directory."""

    def __call__(
        self, *arguments: str, env: Mapping[str, str] | None = None, stdin: bytes = b""
    ) -> Awaitable[Finished]: ...


@pytest.fixture
def techdengue(tmp_path: Path) -> Run:
    """`await techdengue("token", …)`."""

    async def run_here(*arguments: str, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Finished:
        return await run(*arguments, env=env or {}, directory=tmp_path, stdin=stdin)

    return run_here


@pytest.fixture(scope="session")
def local_key(servers_directory: Path) -> Path:
    """The key that signs the tokens of this test process."""
    key = servers_directory / f"local-{os.getpid()}.pem"
    keep_signing_key(key)
    return key


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


@pytest.fixture
async def own_database(make_database: MakeDatabase) -> Database:
    """A migrated database that no other test touches."""
    return await make_database()


@pytest.fixture
def variables(own_database: Database, local_key: Path) -> dict[str, str]:
    """The environment of a server on that database."""
    return {
        "TECHDENGUE_DATABASE_URL": own_database.server_url,
        "TECHDENGUE_OWNER_DATABASE_URL": own_database.owner_url,
        "TECHDENGUE_JWT_LOCAL_KEY_FILE": str(local_key),
    }


@pytest.fixture
async def server(variables: dict[str, str]) -> AsyncIterator[Serving]:
    """A running server on that database; `variables` then name it too."""
    async with serving(variables) as running:
        variables["TECHDENGUE_URL"] = running.url
        yield running


@pytest.fixture
async def several(variables: dict[str, str]) -> AsyncIterator[Serving]:
    """A running server of two workers."""
    async with serving(variables, "--workers", "2") as running:
        yield running
