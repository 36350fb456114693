"""Waiting for changes at real servers: across processes, and to the end of the client or of the server."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from techdengue.dev.valkey import EmbeddedValkey
from tests.conftest import MakeDatabase

from .processes import Server, environment, running
from .wire import Site, operation

PATH = "/api/sync/changes"
CREATED = {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"}


@pytest.fixture(scope="module")
async def env(make_database: MakeDatabase, key_file: Path) -> dict[str, str]:
    """Servers on a database of their own that tell each other nothing, and look often."""
    database = await make_database()
    return {**environment(database.server_url, key_file), "TECHDENGUE_POLL_SECONDS": "0.2"}


@pytest.fixture(scope="module")
async def servers(env: dict[str, str], servers_directory: Path) -> AsyncIterator[list[Server]]:
    """Two of them."""
    programs = [Server(env, servers_directory / f"waiting-{number}.log") for number in (1, 2)]
    async with running(*programs):
        yield programs


@pytest.fixture
def pair(servers: list[Server], http: aiohttp.ClientSession, key_file: Path) -> Site:
    """Requests to the two."""
    return Site(http, [server.url for server in servers], key_file)


async def _metric(http: aiohttp.ClientSession, server: Server, name: str) -> float:
    async with http.get(f"{server.url}/metrics") as answer:
        found = re.search(rf"^{re.escape(name)} (\S+)$", await answer.text(), re.MULTILINE)
    return float(found[1]) if found else 0.0


async def _until_waiting(http: aiohttp.ClientSession, server: Server, count: int) -> None:
    await _until(http, server, "feed_waiting", count)


async def _until(http: aiohttp.ClientSession, server: Server, name: str, value: float) -> None:
    async with asyncio.timeout(60):
        while await _metric(http, server, name) != value:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.02)


async def _until_beyond(http: aiohttp.ClientSession, server: Server, name: str, value: float) -> None:
    async with asyncio.timeout(60):
        while await _metric(http, server, name) <= value:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.02)


async def _wait(pair: Site, server: int) -> "asyncio.Task[Any]":
    """A request that waits at a server from now on."""
    token = pair.token("reader")
    cursor = (await pair.get(PATH, token, server=server))["next_cursor"]
    return asyncio.create_task(pair.get(PATH, token, server=server, cursor=cursor, wait=50))


async def test_what_another_process_commits_is_found_by_looking(
    pair: Site, servers: list[Server], http: aiohttp.ClientSession
) -> None:
    asking = await _wait(pair, 1)
    await _until_waiting(http, servers[1], 1)
    started = time.perf_counter()
    await pair.sync(pair.token("writer"), "writer", [operation("create", "far", "k1", CREATED)], server=0)
    assert [item["entity_id"] for item in (await asking)["items"]] == ["far"]
    assert time.perf_counter() - started < 30
    assert await _metric(http, servers[1], 'feed_wake_ups_total{source="poll"}') >= 1


async def test_what_another_process_commits_is_heard_through_redis_and_without_it_found(
    make_database: MakeDatabase, key_file: Path, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    database = await make_database()
    valkey = EmbeddedValkey(tmp_path / "valkey")
    await valkey.start()
    again = EmbeddedValkey(tmp_path / "valkey", port=valkey.port)
    env = {
        **environment(database.server_url, key_file),
        "TECHDENGUE_REDIS_URL": valkey.url,
        "TECHDENGUE_POLL_SECONDS": "3",
    }
    programs = [Server(env, tmp_path / f"server-{number}.log") for number in (1, 2)]
    try:
        async with running(*programs):
            pair = Site(http, [server.url for server in programs], key_file)
            for step, source in enumerate(("redis", "poll", "redis")):
                for server in programs:
                    await _until(http, server, "feed_redis_connected", 0 if source == "poll" else 1)
                counter = f'feed_wake_ups_total{{source="{source}"}}'
                before = await _metric(http, programs[1], counter)
                asking = await _wait(pair, 1)
                await _until_waiting(http, programs[1], 1)
                entity = f"step-{step}"
                await pair.sync(pair.token("writer"), "writer", [operation("create", entity, entity, CREATED)])
                assert [item["entity_id"] for item in (await asking)["items"]] == [entity]
                await _until_beyond(http, programs[1], counter, before)
                if step == 0:
                    await valkey.kill()
                elif step == 1:
                    await again.start()
            for server in programs:
                assert server.read_log().count("redis_lost") == 1
    finally:
        await valkey.stop()
        await again.stop()


async def test_a_client_that_leaves_leaves_nothing_behind(
    pair: Site, servers: list[Server], http: aiohttp.ClientSession
) -> None:
    asking = [await _wait(pair, 0) for _ in range(5)]
    await _until_waiting(http, servers[0], 5)
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    await _until_waiting(http, servers[0], 0)
    left = 'http_requests_total{method="GET",route="/api/sync/changes",status_code="499"}'
    await _until(http, servers[0], left, 5)
    assert len(servers[0].read_log().splitlines()) == 1


async def test_a_server_that_is_asked_to_stop_answers_whoever_waits_at_once(
    env: dict[str, str], http: aiohttp.ClientSession, key_file: Path, tmp_path: Path
) -> None:
    server = Server(env, tmp_path / "server.log")
    async with running(server):
        site = Site(http, [server.url], key_file)
        asking = await _wait(site, 0)
        async with http.get(f"{server.url}{PATH}", headers=_stream_headers(site)) as stream:
            await _until_waiting(http, server, 2)
            started = time.perf_counter()
            assert await server.stop() == 0
            assert time.perf_counter() - started < 25
            assert b"event: changes" in await stream.read()
        assert (await asking)["items"] == []


async def test_a_stream_of_events_brings_what_any_process_commits_until_its_client_leaves(
    pair: Site, servers: list[Server], http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{servers[1].url}{PATH}", headers=_stream_headers(pair)) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        await _until_waiting(http, servers[1], 1)
        for server in (0, 1):
            entity = f"streamed-{server}"
            batch = [operation("create", entity, entity, CREATED)]
            await pair.sync(pair.token("writer"), f"writer-{server}", batch, server=server)
            async with asyncio.timeout(60):
                while entity.encode() not in await stream.content.readline():
                    pass
    await _until_waiting(http, servers[1], 0)


def _stream_headers(site: Site) -> dict[str, str]:
    return {"authorization": f"Bearer {site.token('reader')}", "accept": "text/event-stream"}
