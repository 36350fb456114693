"""Waiting for changes: answered as soon as there is one, empty when the time is over, and in bounded number."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from projections.model import Page
from techdengue.asgi import create_app
from techdengue.domain.access import Role
from techdengue.feed import Feed
from techdengue.http.openapi import examples
from techdengue.settings import SettingsError
from techdengue.telemetry import FEED_WAITING, HTTP_REQUEST_DURATION

from .conftest import Tokens, operation, settings_for
from .fakes import FakeReaders

SINOP = "5107909"
SORRISO = "5107925"
NOTHING: Page[Any] = Page(items=[], next_cursor="c", has_more=False)


def _create(key: str, municipio: str = SINOP, **more: Any) -> dict[str, Any]:
    data = {"tipo": "VISTORIA", "municipio_cod_ibge": municipio}
    return operation(key, entity_id=key, data=data, **more)


async def _ask(server: httpx.AsyncClient, tokens: Tokens, municipio: str = SINOP, **params: Any) -> dict[str, Any]:
    headers = tokens.bearer(Role.CAMPO, municipio)
    answer = await server.get("/api/sync/changes", params=params, headers=headers, timeout=90)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def _caught_up(server: httpx.AsyncClient, tokens: Tokens, municipio: str = SINOP) -> str:
    page = await _ask(server, tokens, municipio)
    while page["has_more"]:
        page = await _ask(server, tokens, municipio, cursor=page["next_cursor"])
    return str(page["next_cursor"])


async def _send(server: httpx.AsyncClient, tokens: Tokens, *operations: dict[str, Any]) -> None:
    headers = {**tokens.bearer(Role.CAMPO, SINOP, SORRISO, user="writer"), "x-device-id": "writer"}
    answer = await server.post("/api/sync", json={"operations": operations}, headers=headers)
    assert len(answer.json()["successes"]) == len(operations), answer.text


async def _waiting(count: int) -> None:
    """Until so many wait."""
    while FEED_WAITING._value.get() != count:  # noqa: ASYNC110 - a gauge tells nobody
        await asyncio.sleep(0.005)


async def test_a_wait_is_answered_as_soon_as_something_changes(server: httpx.AsyncClient, tokens: Tokens) -> None:
    cursor = await _caught_up(server, tokens)
    asking = [asyncio.create_task(_ask(server, tokens, cursor=cursor, wait=60)) for _ in range(3)]
    await _waiting(3)
    started = time.perf_counter()
    await _send(server, tokens, _create("waited-for"))
    pages = await asyncio.gather(*asking)
    assert time.perf_counter() - started < 20
    assert [[item["entity_id"] for item in page["items"]] for page in pages] == [["waited-for"]] * 3
    assert await _ask(server, tokens, cursor=pages[0]["next_cursor"]) == {
        "items": [],
        "next_cursor": pages[0]["next_cursor"],
        "has_more": False,
    }


async def test_what_happens_elsewhere_or_to_another_type_ends_no_wait(
    server: httpx.AsyncClient, tokens: Tokens
) -> None:
    cursor = (await _ask(server, tokens, SINOP, entity_type="evidencia"))["next_cursor"]
    asking = asyncio.create_task(_ask(server, tokens, cursor=cursor, entity_type="evidencia", wait=60))
    await _waiting(1)
    await _send(server, tokens, _create("not-elsewhere", SORRISO), _create("not-this-type"))
    proof = {"atividade_id": "not-this-type", "hash_sha256": "a" * 64, "tamanho_bytes": 1}
    await _send(server, tokens, operation("proof", entity_type="evidencia", entity_id="proof", data=proof))
    assert [item["entity_id"] for item in (await asking)["items"]] == ["proof"]


async def test_a_wait_that_is_over_is_answered_with_an_empty_page(server: httpx.AsyncClient, tokens: Tokens) -> None:
    cursor = await _caught_up(server, tokens, SORRISO)
    assert await _ask(server, tokens, SORRISO, cursor=cursor, wait=0.05) == {
        "items": [],
        "next_cursor": cursor,
        "has_more": False,
    }


async def test_without_a_cursor_nothing_is_waited_for(server: httpx.AsyncClient, tokens: Tokens) -> None:
    page = await asyncio.wait_for(_ask(server, tokens, "5100201", wait=60), 30)
    assert page["items"] == []


async def test_what_has_changed_before_is_answered_at_once(server: httpx.AsyncClient, tokens: Tokens) -> None:
    cursor = await _caught_up(server, tokens)
    await _send(server, tokens, _create("before"))
    page = await asyncio.wait_for(_ask(server, tokens, cursor=cursor, wait=60), 30)
    assert [item["entity_id"] for item in page["items"]] == ["before"]


@pytest.mark.parametrize("wait", ["-1", "61", "soon", "nan", "inf"])
async def test_a_wait_is_from_0_to_60_seconds(api: httpx.AsyncClient, wait: str) -> None:
    answer = await api.get("/api/sync/changes", params={"cursor": "c", "wait": wait})
    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["path"]) == ("invalid_parameter", "/wait")


async def test_a_cursor_from_elsewhere_is_refused_at_once(server: httpx.AsyncClient, tokens: Tokens) -> None:
    answer = await server.get(
        "/api/sync/changes", params={"cursor": "abc", "wait": 60}, headers=tokens.bearer(Role.CAMPO, SINOP)
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_a_database_that_is_away_is_a_503(api: httpx.AsyncClient, readers: FakeReaders) -> None:
    readers.error = ConnectionRefusedError()
    answer = await api.get("/api/sync/changes", params={"cursor": "c", "wait": 60})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_so_many_may_wait_and_no_more(api: httpx.AsyncClient, readers: FakeReaders, feed: Feed) -> None:
    readers.page = NOTHING
    asking = [asyncio.create_task(api.get("/api/sync/changes", params={"cursor": "c", "wait": 60})) for _ in range(3)]
    await _waiting(3)
    refused = await api.get("/api/sync/changes", params={"cursor": "c", "wait": 60})
    assert (refused.status_code, refused.json()["code"]) == (503, "too_many_waiting")
    assert refused.headers["retry-after"] == "5"
    assert (await api.get("/api/sync/changes", params={"cursor": "c"})).status_code == 200
    readers.page = examples.CHANGES
    feed.committed(1, 1, {"5103403"})
    assert {answer.status_code for answer in await asyncio.gather(*asking)} == {200}
    assert (await api.get("/api/sync/changes", params={"cursor": "c", "wait": 60})).status_code == 200


async def test_a_server_that_stops_answers_whoever_waits(
    api: httpx.AsyncClient, readers: FakeReaders, feed: Feed
) -> None:
    readers.page = NOTHING
    asking = asyncio.create_task(api.get("/api/sync/changes", params={"cursor": "c", "wait": 60}))
    await _waiting(1)
    feed.stop_waiting()
    answer = await asking
    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_the_time_of_a_wait_is_not_the_servers(api: httpx.AsyncClient, readers: FakeReaders) -> None:
    readers.page = NOTHING
    timed = HTTP_REQUEST_DURATION.labels("GET", "/api/sync/changes")
    before = timed._sum.get()
    assert (await api.get("/api/sync/changes", params={"cursor": "c", "wait": 0.2})).status_code == 200
    assert timed._sum.get() == before


async def test_what_is_no_address_of_redis_is_named_at_the_start_and_not_shown(tokens: Tokens) -> None:
    with pytest.raises(SettingsError, match="TECHDENGUE_REDIS_URL") as refused:
        create_app(settings_for(tokens, redis_url="redis-secret"))
    assert "secret" not in str(refused.value)
