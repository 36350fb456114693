"""A store that is away, and a server that is killed in the middle: a clear answer, nothing lost, nothing twice."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import httpx
import pytest

from techdengue.asgi import create_app
from techdengue.dev.database import Database
from techdengue.dev.seaweedfs import S3Address
from tests.e2e.processes import Server, environment, running
from tests.http.conftest import Tokens, alive, s3_settings, settings_for
from tests.storage.faulty import Fault, FaultyWire, faulty_wire

from .conftest import Agent
from .making import photo, video

MIB = 1024 * 1024
_KILL_WITHIN = 60.0


@pytest.fixture
async def wire(s3: S3Address) -> AsyncIterator[FaultyWire]:
    """Between a server and the store; phones reach the store themselves."""
    async with faulty_wire(s3) as opened:
        yield opened


def behind(wire: FaultyWire, s3: S3Address) -> dict[str, Any]:
    return s3_settings(wire.address, s3_public_endpoint_url=s3.endpoint_url)


@pytest.fixture
async def cut_off(
    wire: FaultyWire, s3: S3Address, tokens: Tokens, database: Database, web: aiohttp.ClientSession
) -> AsyncIterator[Agent]:
    """An agent of a server that is behind the wire."""
    application = create_app(settings_for(tokens, database.server_url, s3_timeout=0.3, **behind(wire, s3)))
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with alive(application), httpx.AsyncClient(transport=transport, base_url="http://test") as api:
        yield Agent(api, web, tokens)


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.HANG, Fault.RESET])
async def test_a_store_that_is_away_is_a_503_soon_and_nothing_is_lost(
    cut_off: Agent, wire: FaultyWire, fault: Fault
) -> None:
    body = video(6 * MIB)
    evidencia_id = await cut_off.evidence(body, "video/mp4")
    wire.fault = fault
    began = time.monotonic()
    answer = await cut_off.ask("POST", evidencia_id, "upload")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert time.monotonic() - began < 15
    wire.fault = Fault.NONE
    await cut_off.send(body, await cut_off.begin(evidencia_id))
    wire.fault = fault
    assert (await cut_off.complete(evidencia_id)).status_code == 503
    assert (await cut_off.document(evidencia_id)).get("status") != "CONCLUIDA"
    assert (await cut_off.ask("GET", evidencia_id, "upload")).status_code == 503
    wire.fault = Fault.NONE
    assert (await cut_off.complete(evidencia_id)).status_code == 200
    wire.fault = fault
    assert (await cut_off.complete(evidencia_id)).json()["already_processed"]
    assert (await cut_off.ask("GET", evidencia_id, "download")).status_code == 307


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.HANG])
async def test_an_upload_is_given_up_while_the_store_is_away(cut_off: Agent, wire: FaultyWire, fault: Fault) -> None:
    body = photo(50_000)
    evidencia_id = await cut_off.evidence(body)
    await cut_off.begin(evidencia_id)
    wire.fault = fault
    assert (await cut_off.ask("DELETE", evidencia_id, "upload")).status_code == 204
    wire.fault = Fault.NONE
    assert (await cut_off.complete(evidencia_id)).json()["code"] == "upload_not_begun"


class Killable:
    """A server as a process, behind the wire; each start is another process on another port."""

    def __init__(self, server: Server, web: aiohttp.ClientSession, tokens: Tokens) -> None:
        self.server = server
        self.web = web
        self.tokens = tokens
        self.agent: Agent
        self._clients: list[httpx.AsyncClient] = []

    async def begin(self) -> None:
        """A client of the process that runs."""
        client = httpx.AsyncClient(base_url=self.server.url, timeout=60)
        self._clients.append(client)
        if len(self._clients) == 1:
            self.agent = Agent(client, self.web, self.tokens)
        self.agent.api = client

    async def kill_and_restart(self) -> None:
        """`kill -9`, and another one."""
        await self.server.kill()
        await self.server.start()
        await self.begin()

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


@pytest.fixture
async def killable(
    wire: FaultyWire, s3: S3Address, tokens: Tokens, database: Database, web: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Killable]:
    variables = {f"TECHDENGUE_{name.upper()}": value for name, value in behind(wire, s3).items()}
    env = {**environment(database.server_url, tokens.key_file), **variables, "TECHDENGUE_S3_TIMEOUT": "30"}
    server = Server(env, tmp_path / "server.log")
    async with running(server):
        made = Killable(server, web, tokens)
        await made.begin()
        yield made
        await made.close()


@pytest.mark.parametrize("calls_before", range(6))
async def test_a_server_that_is_killed_between_any_two_calls_of_the_store_leaves_a_completion_that_can_be_repeated(
    killable: Killable, wire: FaultyWire, owner: "asyncpg.Connection[Any]", calls_before: int
) -> None:
    """A completion asks the store for the parts, for one object of them, for its head, and for its bytes, twice."""
    body = video(9 * MIB)
    agent = killable.agent
    evidencia_id = await agent.evidence(body, "video/mp4")
    await agent.send(body, await agent.begin(evidencia_id))
    wire.hang_after(calls_before)
    asked = asyncio.create_task(agent.complete(evidencia_id))
    hanging = asyncio.create_task(wire.hung.wait())
    await asyncio.wait({asked, hanging}, return_when=asyncio.FIRST_COMPLETED, timeout=_KILL_WITHIN)
    was_hung = wire.hung.is_set()
    assert was_hung or asked.done()
    await killable.server.kill()
    hanging.cancel()
    await asyncio.gather(asked, hanging, return_exceptions=True)
    status = await owner.fetchval("SELECT status FROM techdengue.evidence_file WHERE evidencia_id = $1", evidencia_id)
    assert status == ("uploading" if was_hung else "verified")
    wire.heal()
    await killable.kill_and_restart()
    completed = await agent.complete(evidencia_id)
    assert completed.status_code == 200, completed.text
    assert completed.json()["already_processed"] == (not was_hung)
    assert [event["device_id"] for event in await agent.history(evidencia_id)] == ["phone", "server:ana"]
    assert await agent.fetch(evidencia_id) == body


async def test_a_server_that_is_killed_while_many_complete_loses_none_and_records_none_twice(
    killable: Killable, owner: "asyncpg.Connection[Any]"
) -> None:
    agent, body = killable.agent, photo(200_000)
    ids = [await agent.evidence(body) for _ in range(12)]
    for evidencia_id in ids:
        await agent.send(body, await agent.begin(evidencia_id))
    for left in (9, 5):
        completions = [asyncio.create_task(agent.complete(evidencia_id)) for evidencia_id in ids]
        while sum(not task.done() for task in completions) > left:
            await asyncio.wait(completions, return_when=asyncio.FIRST_COMPLETED, timeout=0.05)
        await killable.kill_and_restart()
        await asyncio.gather(*completions, return_exceptions=True)
    for evidencia_id in ids:
        assert (await agent.complete(evidencia_id)).status_code == 200
        assert len(await agent.history(evidencia_id)) == 2
    told = await owner.fetch(
        "SELECT f.status, count(r.run_id) AS runs FROM techdengue.evidence_file AS f LEFT JOIN jobs.run AS r "
        "ON r.job = 'describe_evidence' AND r.key = f.object_key WHERE f.evidencia_id = ANY ($1) "
        "GROUP BY f.object_key, f.status",
        ids,
    )
    assert [(row["status"], row["runs"]) for row in told] == [("verified", 1)] * len(ids)
