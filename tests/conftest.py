"""Real servers for the tests: each test process has its own, on free ports, in directories that vanish with it."""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from techdengue.dev.database import Database, copy_database, create_migrated
from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.dev.processes import is_running
from techdengue.dev.seaweedfs import EmbeddedSeaweed, S3Address
from techdengue.dev.valkey import EmbeddedValkey

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile(
    "deep", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_SERVER_PASSWORD = "server-of-the-tests"
_TEMPLATE = "techdengue_template"
_PREFIX = "techdengue-test-"

MakeDatabase = Callable[[], Awaitable[Database]]


@pytest.fixture(scope="session")
def servers_directory() -> Iterator[Path]:
    """Where the servers of this test process keep their data; a short path, for the sake of Unix sockets."""
    _sweep()
    directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    directory.chmod(0o755)  # a server that may not be root enters as somebody else
    yield directory
    shutil.rmtree(directory)


def _is_ours(directory: Path) -> bool:
    try:
        return directory.stat().st_uid == os.getuid()
    except FileNotFoundError:  # another test process swept it
        return False


def _sweep() -> None:
    """Remove the directories of test processes that were killed; their servers ended with them."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and _is_ours(left) and not is_running(int(pid)):
            shutil.rmtree(left, ignore_errors=True)  # another test process may be sweeping too


@pytest.fixture(scope="session")
async def postgres(servers_directory: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A running PostgreSQL without fsync; a test about crashes starts one of its own with `durable=True`."""
    server = EmbeddedPostgres(servers_directory / "postgres", durable=False)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def make_database(postgres: EmbeddedPostgres) -> MakeDatabase:
    """Answers a function that gives another freshly migrated database at each call."""
    await create_migrated(postgres, _TEMPLATE, _SERVER_PASSWORD)
    numbers = itertools.count(1)

    async def make() -> Database:
        return await copy_database(postgres, _TEMPLATE, f"test_{next(numbers)}", _SERVER_PASSWORD)

    return make


@pytest.fixture(scope="session")
async def database(make_database: MakeDatabase) -> Database:
    """The freshly migrated database that the tests of this process share."""
    return await make_database()


@pytest.fixture(scope="session")
async def redis_url(servers_directory: Path) -> AsyncIterator[str]:
    """The address of a running Valkey."""
    server = EmbeddedValkey(servers_directory / "valkey")
    await server.start()
    yield server.url
    await server.stop()


@pytest.fixture(scope="session")
async def s3(servers_directory: Path) -> AsyncIterator[S3Address]:
    """The address, keys and bucket of a running S3 server."""
    server = EmbeddedSeaweed(servers_directory / "seaweedfs")
    await server.start()
    yield server.address
    await server.stop()
