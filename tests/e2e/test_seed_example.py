"""The first sync that anybody tries, as curl would send it, on a server that holds the demo territory."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest

from techdengue.client.simulator import load_demo
from techdengue.domain.access import Role
from tests.conftest import MakeDatabase

from .processes import Server, environment, running
from .wire import Site

CUIABA = "5103403"
DEVICE = "android-test-123"
BODY = """
{"operations": [{
    "entity_type": "atividade", "entity_id": 1, "operation": "update",
    "data": {"status": "CONCLUIDA"},
    "client_timestamp": "2024-01-15T14:30:00Z",
    "idempotency_key": "test-key-001",
    "conflict_resolution_strategy": "last_write_wins"
}]}
"""


@pytest.fixture(scope="module")
async def demo(
    make_database: MakeDatabase, key_file: Path, http: aiohttp.ClientSession, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """A server with the demo territory and nothing else, as `make run` leaves it."""
    database = await make_database()
    env = environment(database.server_url, key_file)
    server = Server(env, tmp_path_factory.mktemp("demo") / "server.log")
    async with running(server):
        site = Site(http, [server.url], key_file)
        await load_demo(server.url, lambda user, municipios: site.token(user, Role.CAMPO, municipios))
        yield site


@contextlib.asynccontextmanager
async def _curl(demo: Site, *, token: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"x-device-id": DEVICE, "content-type": "application/json", "accept": "*/*", "user-agent": "curl/8.5.0"}
    if token:
        headers["authorization"] = f"Bearer {demo.token('maria', Role.CAMPO, (CUIABA,))}"
    assert urlsplit(demo.urls[0]).scheme == "http"
    async with httpx.AsyncClient(base_url=demo.urls[0], headers=headers) as client:
        yield client


async def test_the_seeds_example_succeeds_is_remembered_and_is_counted(demo: Site) -> None:
    async with _curl(demo) as curl:
        first = await curl.post("/api/sync", content=BODY)
        assert first.status_code == 200, first.text
        answer = first.json()
        assert (answer["processed"], answer["conflicts"], answer["errors"]) == (1, [], [])
        [success] = answer["successes"]
        assert _names(success) == ("atividade", 1, "update", "test-key-001", False)
        assert (success["status"], success["version"]) == ("client_applied", 3)

        again = (await curl.post("/api/sync", content=BODY)).json()
        [repeated] = again["successes"]
        assert repeated == {**success, "already_processed": True}
        assert (again["processed"], again["conflicts"], again["errors"]) == (1, [], [])

        status = (await curl.get(f"/api/sync/status/{DEVICE}")).json()
        assert status["device_id"] == DEVICE
        assert status["operations"] == sum(status["operations_by_outcome"].values()) == 1
        assert {name for name, count in status["operations_by_outcome"].items() if count} == {success["status"]}
        assert (status["open_conflicts"], status["errors_last_day"]) == (0, 0)
        assert status["last_sync_at"] is not None

        document = (await curl.get("/api/entities/atividade/1")).json()
        assert document["municipio_cod_ibge"] == CUIABA
        assert document["version"] == success["version"]
        assert document["data"]["status"] == "CONCLUIDA"


async def test_without_a_token_it_is_401_and_nothing_is_recorded(demo: Site) -> None:
    unseen = json.loads(BODY)
    unseen["operations"][0]["idempotency_key"] = "never-recorded"
    async with _curl(demo, token=False) as curl:
        requests: list[Any] = [
            await curl.post("/api/sync", json=unseen),
            await curl.get(f"/api/sync/status/{DEVICE}"),
            await curl.get("/api/sync/changes"),
            await curl.get("/api/entities/atividade/1"),
        ]
    for refused in requests:
        assert refused.status_code == 401, refused.url
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["www-authenticate"].startswith("Bearer")
    events = await demo.read_all("/api/events", demo.token("auditora", Role.ADMIN), device=DEVICE)
    assert "never-recorded" not in [event["idempotency_key"] for event in events]


def _names(success: dict[str, Any]) -> tuple[Any, ...]:
    names = ("entity_type", "entity_id", "operation", "idempotency_key", "already_processed")
    return tuple(success[name] for name in names)
