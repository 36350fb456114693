"""`make bench-quick`: ingest over HTTP against what PostgreSQL itself can do, in one run, within a minute.

Starts servers of its own, interleaves the contestants, prints medians with their spread, and writes `bench.json`.
"""

import asyncio
import contextlib
import os
import re
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
import uvloop

from techdengue.asgi import PROBES
from techdengue.dev.database import copy_database, create_migrated
from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.dev.private_files import keep_signing_key
from techdengue.domain.access import Role
from techdengue.http.local_tokens import mint_local_token

from . import ceiling, workload
from .load import Load

ROUNDS = 3
CONNECTIONS = (1, 8, 32, 128)
SECONDS = 3.0
GROUPS = 60
_PASSWORD = "bench"


@contextlib.asynccontextmanager
async def serving(database_url: str, home: Path) -> AsyncIterator[Load]:
    """A server process of ours on a free port."""
    key = home / "key.pem"
    keep_signing_key(key)
    environment = {
        **os.environ,
        "TECHDENGUE_DATABASE_URL": database_url,
        "TECHDENGUE_JWT_LOCAL_KEY_FILE": str(key),
        "TECHDENGUE_LOG_LEVEL": "warning",
    }
    command = str(Path(sys.executable).with_name("techdengue"))
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(command, "serve", "--port", "0", env=environment, stdout=pipe)
    try:
        token = mint_local_token(key, user="bench", role=Role.CAMPO, municipios=[workload.MUNICIPIO])
        yield Load(await _listening(server), token)
    finally:
        server.terminate()
        await server.communicate()


async def _listening(server: asyncio.subprocess.Process) -> str:
    """The address that a starting server prints."""
    if server.stdout is None:
        raise RuntimeError("the server has no output")
    async with asyncio.timeout(30):
        async for line in server.stdout:
            if found := re.search(r"listening on (\S+)", line.decode()):
                return found[1]
    raise RuntimeError("the server ended before it listened")


async def measure(home: Path) -> dict[str, list[float]]:
    """All figures: operations a second by contestant, one for each round."""
    figures: dict[str, list[float]] = {"ceiling": [], **{f"http {number}": [] for number in CONNECTIONS}}
    async with _postgres(home) as postgres:
        await create_migrated(postgres, "template", _PASSWORD)
        served = await copy_database(postgres, "template", "served", _PASSWORD)
        async with serving(served.server_url, home) as load:
            await load.run(8, 1.0)
            for number in range(ROUNDS):
                figures["ceiling"].append(await _ceiling(postgres, number))
                for connections in CONNECTIONS:
                    figures[f"http {connections}"].append((await load.run(connections, SECONDS))[0])
    return figures


@contextlib.asynccontextmanager
async def _postgres(home: Path) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(home / "postgres", durable=True)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def _ceiling(postgres: EmbeddedPostgres, number: int) -> float:
    database = await copy_database(postgres, "template", f"ceiling_{number}", _PASSWORD)
    prepared = [await ceiling.prepare(committer, GROUPS) for committer in ("left", "right")]
    role = {"role": "techdengue_intake", **PROBES}
    async with asyncpg.create_pool(database.server_url, min_size=2, max_size=2, server_settings=role) as pool:
        return await ceiling.write(pool, prepared)


def show(figures: dict[str, list[float]]) -> None:
    """Print the table and write `bench.json`."""
    reference = statistics.median(figures["ceiling"])
    print(f"{os.cpu_count()} cores, {ROUNDS} rounds, batches of {workload.SIZE}, operations a second\n")
    print(f"{'contestant':<16}{'median':>10}{'least':>10}{'most':>10}{'of ceiling':>12}")
    for name, values in figures.items():
        median = statistics.median(values)
        print(f"{name:<16}{median:>10,.0f}{min(values):>10,.0f}{max(values):>10,.0f}{median / reference:>12.2f}")
    Path("bench.json").write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


def main() -> None:
    """Measure and show."""
    with tempfile.TemporaryDirectory(prefix="techdengue-bench-") as home:
        Path(home).chmod(0o755)  # a PostgreSQL that may not be root enters as somebody else
        show(uvloop.run(measure(Path(home))))


if __name__ == "__main__":
    main()
