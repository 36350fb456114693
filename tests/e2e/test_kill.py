"""`kill -9` in the middle of a load: no acknowledged operation is missing, none is doubled, projections are right."""

import asyncio
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import asyncpg
import msgspec
import pytest

from techdengue.dev.database import Database, create_migrated
from techdengue.dev.ports import free_ports
from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.domain.access import Role
from tests.cli.running import run

from .load import MUNICIPIO, Load
from .processes import Program, Server, environment, running
from .replaying import assert_states, replay
from .wire import Json, Site, operation

DEVICES = 6
KILLS = (0.3, 0.7)
"""The shares of the load after which something is killed."""


class Fragile(msgspec.Struct, frozen=True):
    """A durable PostgreSQL, an API server and a projector, all of which a test may kill."""

    postgres: EmbeddedPostgres
    database: Database
    server: Server
    projector: Program
    http: aiohttp.ClientSession
    key_file: Path
    env: dict[str, str]

    @property
    def site(self) -> Site:
        """The server where it listens now."""
        return Site(self.http, [self.server.url], self.key_file)

    def load(self, name: str) -> Load:
        """Devices at work on the server."""
        return Load(self.http, self.server, self.site, name, DEVICES)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A directory with a short path, gone with the tests."""
    directory = Path(tempfile.mkdtemp(prefix="techdengue-kill-"))
    directory.chmod(0o755)  # a PostgreSQL that may not be root enters as somebody else
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
async def fragile(home: Path, key_file: Path, http: aiohttp.ClientSession) -> AsyncIterator[Fragile]:
    postgres = EmbeddedPostgres(home / "postgres", port=free_ports(1)[0], durable=True)
    await postgres.start()
    try:
        database = await create_migrated(postgres, "app", "server-of-the-tests")
        env = environment(database.server_url, key_file)
        server = Server(env, home / "server.log")
        projector = Program(("projections", "run"), env, home / "projector.log")
        async with running(server, projector):
            yield Fragile(postgres, database, server, projector, http, key_file, env)
            projector.check_running()
            server.check_running()
    finally:
        await postgres.stop()


async def test_kill_9_of_the_api_and_of_the_projector(fragile: Fragile) -> None:
    load = fragile.load("api")
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        for share in KILLS:
            await load.until_acknowledged(share)
            await asyncio.gather(fragile.server.kill(), fragile.projector.kill())
            await asyncio.gather(fragile.server.start(), fragile.projector.start())
    assert load.failures, "the load never noticed"
    await _assert_nothing_missing_nothing_doubled(fragile, load)


async def test_kill_9_of_one_worker_of_two_time_after_time(fragile: Fragile, home: Path) -> None:
    server = Server(fragile.env, home / "workers.log", workers=2)
    async with running(server):
        load = Load(fragile.http, server, fragile.site, "worker", DEVICES)
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run())
            for turn in range(1, 9):
                await load.until_acknowledged(turn / 10)
                os.kill((await server.workers(2))[turn % 2], signal.SIGKILL)
        server.check_running()
        assert len(await server.workers(2)) == 2
    assert load.failures, "the load never noticed"
    await _assert_nothing_missing_nothing_doubled(fragile, load)


async def test_kill_9_of_the_whole_postgresql(fragile: Fragile) -> None:
    load = fragile.load("pg")
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        for share in KILLS:
            await load.until_acknowledged(share)
            await fragile.postgres.kill()
            await _assert_told_to_come_back(fragile)
            await fragile.postgres.start()
    assert load.failures["503"] >= len(KILLS)
    fragile.server.check_running()
    fragile.projector.check_running()
    await _assert_nothing_missing_nothing_doubled(fragile, load)


async def test_backends_of_postgresql_are_terminated(fragile: Fragile) -> None:
    load = fragile.load("backend")
    owner = await asyncpg.connect(fragile.database.owner_url)
    terminated = 0
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        for percent in range(10, 100, 10):
            await load.until_acknowledged(percent / 100)
            terminated += await owner.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'techdengue_server'"
            )
    await owner.close()
    assert terminated >= 9
    await _assert_nothing_missing_nothing_doubled(fragile, load)


async def _assert_told_to_come_back(fragile: Fragile) -> None:
    """While the database is away: 503 with Retry-After for reads and writes; the process itself is alive."""
    site, token = fragile.site, fragile.site.token("ana", Role.ADMIN)
    lost = operation("create", "lost", "lost", {"tipo": "LIRAA", "municipio_cod_ibge": MUNICIPIO})
    for method, path, body in (
        ("POST", "/api/sync", {"operations": [lost]}),
        ("GET", "/api/sync/changes", None),
        ("GET", "/api/entities/atividade/1", None),
        ("GET", "/api/events", None),
        ("GET", "/api/conflicts", None),
    ):
        answer = await site.ask(method, path, token, body=body, device="ghost")
        assert (answer.status, answer.body["code"]) == (503, "unavailable"), path
        assert int(answer.headers["retry-after"]) > 0
    assert (await site.ask("GET", "/health/ready", None)).status == 503
    assert (await site.ask("GET", "/health/live", None)).status == 200


async def _assert_nothing_missing_nothing_doubled(fragile: Fragile, load: Load) -> None:
    site, auditor = fragile.site, fragile.site.token("auditora", Role.ADMIN)
    log = await site.read_all("/api/events", auditor, limit=1000)
    assert [event["position"] for event in log] == list(range(1, len(log) + 1))
    mine = [event for event in log if event["device_id"] in load.operations]
    recorded = {(event["device_id"], event["idempotency_key"]): event for event in mine}
    assert len(recorded) == len(mine) == load.size
    assert recorded.keys() == load.acknowledged.keys()
    for key, answer in load.acknowledged.items():
        told = answer.get("status", "conflict"), answer.get("version", recorded[key]["version"])
        assert told == (recorded[key]["outcome"], recorded[key]["version"])
    assert not [event for event in log if event["device_id"] == "ghost"]
    await _assert_repeats(site, load)
    for entity in sorted({event["entity_id"] for event in mine}):
        replayed = await replay(site, auditor, (MUNICIPIO, "atividade", entity))
        assert len(replayed.events) == sum(event["entity_id"] == entity for event in mine)
    shared = (MUNICIPIO, "atividade", f"{load.name}-own-0")
    await assert_states(site, auditor, shared, await replay(site, auditor, shared))
    await _assert_projections_are_clean(fragile)


async def _assert_repeats(site: Site, load: Load) -> None:
    """Every operation once more is answered as it was acknowledged."""
    for device, operations in load.operations.items():
        answer = await site.sync(site.token(f"user-of-{device}", Role.CAMPO, (MUNICIPIO,)), device, operations)
        for each in (*answer["successes"], *answer["conflicts"]):
            acknowledged = load.acknowledged[device, each["idempotency_key"]]
            assert each == {**acknowledged, "already_processed": True}


async def _assert_projections_are_clean(fragile: Fragile) -> None:
    async with asyncio.timeout(60):
        while any(one["lag_events"] for one in await _projections(fragile, "status")):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    verified = await _projections(fragile, "verify")
    assert {one["name"]: one["differing"] for one in verified} == {one["name"]: 0 for one in verified}
    assert {"heads", "entity", "atividade", "conflict"} <= {one["name"] for one in verified}


async def _projections(fragile: Fragile, command: str) -> list[Json]:
    done = await run("projections", command, "--json", env=fragile.env, directory=fragile.key_file.parent)
    assert done.code == 0, done.err
    found: list[Json] = json.loads(done.out)
    return found
