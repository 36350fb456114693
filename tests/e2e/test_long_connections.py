"""Streams and WebSockets that last: what they cost the server, who cannot harm whom, and how they end."""

import asyncio
import contextlib
import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from techdengue.dev.database import Database
from techdengue.domain.access import Role
from techdengue.http.local_tokens import mint_local_token
from tests.conftest import MakeDatabase

from .load import MUNICIPIO
from .processes import Server, environment, running
from .streaming import Sending, log_of, recorded
from .talking import Talk
from .wire import Json, Site, operation

LARGEST_SOCKET_KIB = 40
STREAMED = 30_000


@pytest.fixture(scope="module")
async def server(make_database: MakeDatabase, key_file: Path, servers_directory: Path) -> AsyncIterator[Server]:
    """A server of these tests' own, which has little patience, on a database of its own, which grows."""
    database = await make_database()
    env = environment(database.server_url, key_file) | {"TECHDENGUE_READER_SECONDS": "2"}
    one = Server(env, servers_directory / "e2e-server-long.log")
    async with running(one):
        yield one
        one.check_running()


@pytest.fixture(scope="module")
def own(server: Server, http: aiohttp.ClientSession, key_file: Path) -> Site:
    """That server alone."""
    return Site(http, [server.url], key_file)


async def test_memory_is_flat_however_long_a_log_is(http: aiohttp.ClientSession, own: Site, server: Server) -> None:
    log = log_of("long", STREAMED)
    async with Sending(http, own, "long") as stream:
        stream.send(log)
        stream.finish()
        await stream.told(STREAMED // 3)
        early = server.resident_kib()
        *answers, last = await stream.told(STREAMED - STREAMED // 3 + 1)
    assert {each["kind"] for each in answers} == {"success"}
    assert (last["kind"], last["processed"]) == ("end", STREAMED)
    assert server.resident_kib() - early < 24 * 1024


async def test_a_waiting_socket_costs_little(own: Site, server: Server) -> None:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        contextlib.AsyncExitStack() as talks,
    ):

        async def opened(count: int, name: str) -> int:
            for number in range(count):
                talk = Talk(http, own, f"{name}-{number}", changes=True, credit=10_000, entity_type="evidencia")
                await (await talks.enter_async_context(talk)).greeted()
                await talk.hear("changes")
            return server.resident_kib()

        before = await opened(100, "warm")
        after = await opened(500, "idle")
    assert (after - before) / 500 <= LARGEST_SOCKET_KIB


@pytest.fixture(scope="module")
async def large_answers(own: Site) -> list[Json]:
    """Operations of which each is answered with 60 KiB."""
    token = own.token("user-of-large", Role.CAMPO, (MUNICIPIO,))
    data = {"tipo": "VISTORIA", "municipio_cod_ibge": MUNICIPIO, "metadata": {"long": "x" * 60_000}}
    await own.sync(token, "large", [operation("create", "large", "large", data)])
    stale = {"base_version": 0, "conflict_resolution_strategy": "server_wins"}
    return [operation("update", "large", f"u{n}", {"descricao": "lost"}, **stale) for n in range(600)]


async def test_a_stream_whose_answers_are_not_read_is_dropped_and_harms_nobody(
    http: aiohttp.ClientSession, own: Site, server: Server, large_answers: list[Json]
) -> None:
    before = server.resident_kib()
    async with Sending(http, own, "deaf-stream") as stream:
        stream.send(large_answers)
        await _until_dropped(own, server, "reader_too_slow")
        assert stream.answer.connection is not None
        with pytest.raises((aiohttp.ClientPayloadError, ConnectionResetError)):
            await stream.answer.read()
    assert server.resident_kib() - before < 64 * 1024


async def test_a_device_that_does_not_read_its_socket_is_closed_and_harms_nobody(
    http: aiohttp.ClientSession, own: Site, server: Server, large_answers: list[Json]
) -> None:
    before = server.resident_kib()
    async with Talk(http, own, "deaf") as talk:
        await talk.greeted()
        for seq in range(1, 6):
            operations = [
                {**each, "idempotency_key": f"d{seq}-{each['idempotency_key']}"} for each in large_answers[:120]
            ]
            await talk.say("operations", seq=seq, operations=operations)
        await _until_dropped(own, server, 'sync_sockets_closed_total{code="4413"}')
        talk.socket._response.close()
    assert server.resident_kib() - before < 64 * 1024


async def _until_dropped(own: Site, server: Server, sign: str) -> None:
    """Until metrics or log show the sign; meanwhile another device is answered as ever."""
    number = 0
    async with asyncio.timeout(60):
        while sign not in server.read_log() + await _metrics(own):
            number += 1
            async with asyncio.timeout(10):
                token = own.token("user-of-hearing", Role.CAMPO, (MUNICIPIO,))
                answer = await own.sync(token, "hearing", log_of(f"hearing-{sign[:9]}-{number}", 1))
            assert len(answer["successes"]) == 1


async def _metrics(own: Site) -> str:
    async with aiohttp.request("GET", own.urls[0] + "/metrics") as answer:
        return await answer.text()


async def test_connections_end_with_their_token(http: aiohttp.ClientSession, own: Site, key_file: Path) -> None:
    brief = mint_local_token(
        key_file, user="brief", role=Role.CAMPO, municipios=(MUNICIPIO,), lifetime=dt.timedelta(seconds=6)
    )
    async with Talk(http, own, "brief", token=brief) as talk, Sending(http, own, "brief", token=brief) as stream:
        await talk.greeted()
        stream.send(log_of("brief", 3))
        answered = 0
        while (told := (await stream.told(1))[0])["kind"] == "success":
            answered += 1
        assert (told["kind"], told["code"], told["status"]) == ("problem", "token_expired", 401)
        assert told["processed"] == answered
        await talk.closed(4401, "token_expired")


async def test_a_server_that_stops_says_so_at_once(
    http: aiohttp.ClientSession, site_database: Database, key_file: Path, servers_directory: Path
) -> None:
    stopping = Server(environment(site_database.server_url, key_file), servers_directory / "e2e-server-stopping.log")
    async with running(stopping):
        site = Site(http, [stopping.url], key_file)
        listener = Talk(http, site, "stop-ws", changes=True, credit=1, entity_type="evidencia")
        async with listener, Sending(http, site, "stop-stream") as stream:
            await listener.greeted()
            await listener.hear("changes")
            stream.send(log_of("stop", 1))
            await stream.told(1)
            ending = asyncio.create_task(stopping.stop())
            (last,) = await stream.told(1)
            assert (last["kind"], last["code"], last["processed"]) == ("problem", "server_stopping", 1)
            await listener.closed(1001, "server_stopping")
            assert await asyncio.wait_for(ending, 25) == 0


async def test_a_socket_that_is_cut_again_and_again_records_each_operation_once(
    http: aiohttp.ClientSession, site: Site
) -> None:
    log = log_of("ws-cut", 600)
    done = 0
    for cut in range(10):
        async with Talk(http, site, "ws-cut", server=cut) as talk:
            await talk.greeted()
            for seq, start in enumerate(range(done, min(done + 200, len(log)), 20), 1):
                await talk.say("operations", seq=seq, operations=log[start : start + 20])
            for _ in range(3):
                done += (await talk.hear("results"))["processed"]
            talk.socket._response.close()
    assert done == len(log)
    keys = [event["idempotency_key"] for event in await recorded(site, "ws-cut")]
    assert keys == [each["idempotency_key"] for each in log]


async def test_changes_resume_with_the_cursor_where_they_were_cut(http: aiohttp.ClientSession, site: Site) -> None:
    log = log_of("resumed", 40)
    seen: list[str] = []
    cursor = await _latest(http, site)
    await site.sync(site.token("user-of-resumed", Role.CAMPO, (MUNICIPIO,)), "resumed", log)
    while len(seen) < len(log):
        async with Talk(http, site, "resumer", changes=True, credit=7, cursor=cursor, server=len(seen)) as talk:
            await talk.greeted()
            changes = await talk.hear("changes")
            assert len(changes["items"]) <= 7
            seen += [each["entity_id"] for each in changes["items"]]
            cursor = changes["cursor"]
    assert seen == [each["entity_id"] for each in log]


async def _latest(http: aiohttp.ClientSession, site: Site) -> str:
    async with Talk(http, site, "resumer", changes=True, credit=10_000) as talk:
        await talk.greeted()
        while (changes := await talk.hear("changes"))["has_more"]:
            await talk.say("credit", items=max(1, len(changes["items"])))
    cursor: str = changes["cursor"]
    return cursor


async def test_whoever_has_a_good_token_may_open_a_socket_and_nobody_else(
    http: aiohttp.ClientSession, site: Site
) -> None:
    for headers, status, code in (
        ({}, 401, "token_required"),
        ({"authorization": "Bearer forged"}, 401, "invalid_token"),
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(site.urls[0] + "/api/sync/ws", headers=headers)
        assert refused.value.status == status
        assert refused.value.headers is not None
        assert refused.value.headers["content-type"] == "application/problem+json"
        assert refused.value.headers["www-authenticate"].startswith("Bearer")
        upgrade = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"}
        key = {"sec-websocket-key": "MDAwMDAwMDAwMDAwMDAwMA=="}
        async with http.get(site.urls[0] + "/api/sync/ws", headers=headers | upgrade | key) as answer:
            assert json.loads(await answer.read())["code"] == code
    with pytest.raises(aiohttp.WSServerHandshakeError) as lost:
        await http.ws_connect(site.urls[0] + "/api/nowhere")
    assert lost.value.status == 404
    for role in Role:
        async with Talk(http, site, f"role-{role.value}", token=site.token("any", role, (MUNICIPIO,))) as talk:
            await talk.greeted()
