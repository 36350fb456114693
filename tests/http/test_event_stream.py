"""Server-sent events: every change once, from where the client was, until somebody ends it; then nothing is left."""

import asyncio
import contextlib
import datetime as dt
from typing import Any

import httpx
import pytest

from projections.errors import CursorFromElsewhere
from projections.model import Page
from techdengue.domain.access import Role
from techdengue.feed import Feed
from techdengue.http import event_stream
from techdengue.http.openapi import examples
from techdengue.telemetry import FEED_WAITING

from .conftest import Tokens, operation
from .fakes import FakeReaders
from .listening import Event, listening

CUIABA = "5103403"
CAMPO_VERDE = "5102678"
PATH = "/api/sync/changes"
STREAM = "text/event-stream"
NOTHING: Page[Any] = Page(items=[], next_cursor="c", has_more=False)


@pytest.fixture
def application(api: httpx.AsyncClient) -> Any:
    """The application over fakes."""
    return api._transport.app  # type: ignore[attr-defined]  # the transport is an ASGITransport


@pytest.fixture
def headers(tokens: Tokens) -> dict[str, str]:
    """Of a request for a stream, in Cuiabá."""
    return {**tokens.bearer(), "accept": STREAM}


async def _waiting(count: int) -> None:
    while FEED_WAITING._value.get() != count:  # noqa: ASYNC110 - a gauge tells nobody
        await asyncio.sleep(0.005)


async def test_changes_come_as_they_are_committed_and_a_cut_client_goes_on_with_the_last_id(
    server: httpx.AsyncClient, tokens: Tokens
) -> None:
    application = server._transport.app  # type: ignore[attr-defined]  # the transport is an ASGITransport
    headers = {**tokens.bearer(Role.CAMPO, CAMPO_VERDE), "accept": STREAM}
    sender = {**tokens.bearer(Role.CAMPO, CAMPO_VERDE), "x-device-id": "sse-writer"}

    async def send(*keys: str) -> None:
        data = {"tipo": "VISTORIA", "municipio_cod_ibge": CAMPO_VERDE}
        batch = [operation(key, entity_id=key, data=data) for key in keys]
        assert (await server.post("/api/sync", json={"operations": batch}, headers=sender)).status_code == 200

    def shown(event: Any) -> list[str]:
        return [item["entity_id"] for item in event.data["items"]]

    await send("e1", "e2", "e3")
    async with listening(application, PATH, headers, query="limit=2") as listener:
        assert (listener.status, listener.headers["content-type"]) == (200, STREAM)
        assert (await listener.event()) == Event(retry=2000)
        first, second = await listener.changes(), await listener.changes()
        assert (shown(first), shown(second)) == (["e1", "e2"], ["e3"])
        assert second.id == second.data["next_cursor"]
        await send("e4")
        third = await listener.changes()
        assert shown(third) == ["e4"]
    await _waiting(0)
    await send("e5")
    async with listening(application, PATH, {**headers, "last-event-id": third.id or ""}, query="cursor=x") as listener:
        assert shown(await listener.changes()) == ["e5"]


async def test_those_who_listen_together_see_their_own_territory_each(
    server: httpx.AsyncClient, tokens: Tokens
) -> None:
    application = server._transport.app  # type: ignore[attr-defined]  # the transport is an ASGITransport
    territories = ("5100250",), ("5100300",), ("5100250", "5100300")
    sender = {**tokens.bearer(Role.CAMPO, *territories[2]), "x-device-id": "sse-two"}
    data = [{"tipo": "VISTORIA", "municipio_cod_ibge": code} for code in territories[2]]
    async with contextlib.AsyncExitStack() as stack:
        listeners = [
            await stack.enter_async_context(
                listening(application, PATH, {**tokens.bearer(Role.CAMPO, *territory), "accept": STREAM})
            )
            for territory in territories * 5
        ]
        for listener in listeners:
            assert (await listener.changes()).data["items"] == []
        batch = [operation(f"two-{n}", entity_id=f"two-{n}", data=data[n]) for n in range(2)]
        assert (await server.post("/api/sync", json={"operations": batch}, headers=sender)).status_code == 200
        for listener, territory in zip(listeners, territories * 5, strict=True):
            items = (await listener.changes()).data["items"]
            assert sorted(item["municipio_cod_ibge"] for item in items) == list(territory)


async def test_a_heartbeat_is_heard_while_nothing_changes(
    application: Any, headers: dict[str, str], readers: FakeReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.01)
    readers.page = NOTHING
    async with listening(application, PATH, headers) as listener:
        said = [await listener.event() for _ in range(4)]
        assert [event.comment if event else None for event in said[2:]] == ["heartbeat", "heartbeat"]
        assert said[1] is not None
        assert (said[1].name, said[1].data["items"]) == ("changes", [])


async def test_it_ends_with_its_token(application: Any, tokens: Tokens, readers: FakeReaders) -> None:
    readers.page = NOTHING
    token = tokens.mint(lifetime=dt.timedelta(seconds=2))
    async with listening(application, PATH, {"authorization": f"Bearer {token}", "accept": STREAM}) as listener:
        events = []
        while (event := await listener.event()) is not None:
            events.append(event)
        assert (events[-1].name, events[-1].data["code"]) == ("problem", "token_expired")
        assert events[-1].data["instance"] == f"urn:techdengue:request:{listener.headers['x-request-id']}"


async def test_a_server_that_stops_ends_it_at_once(
    application: Any, headers: dict[str, str], readers: FakeReaders, feed: Feed, stopping: asyncio.Event
) -> None:
    readers.page = NOTHING
    async with listening(application, PATH, headers) as listener:
        await listener.changes()
        await _waiting(1)
        stopping.set()
        feed.stop_waiting()
        events = []
        while (event := await listener.event()) is not None:
            events.append(event)
        assert (events[-1].name, events[-1].data["code"]) == ("problem", "server_stopping")
        assert listener.ended


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(ConnectionRefusedError(), 503, "unavailable"), (CursorFromElsewhere(), 400, "invalid_cursor")],
)
async def test_what_is_wrong_at_the_start_is_an_answer_and_later_an_event(
    application: Any,
    headers: dict[str, str],
    readers: FakeReaders,
    feed: Feed,
    error: Exception,
    status: int,
    code: str,
) -> None:
    readers.error = error
    async with listening(application, PATH, headers) as listener:
        assert listener.status == status
        assert code.encode() in await listener.body()
    readers.error = None
    readers.page = NOTHING
    async with listening(application, PATH, headers) as listener:
        await listener.changes()
        await _waiting(1)
        readers.error = error
        feed.committed(1, 1, {CUIABA})
        event = await listener.event()
        assert event is not None
        assert (event.name, event.data["code"], event.data["status"]) == ("problem", code, status)
        assert await listener.event() is None


async def test_places_are_given_back_however_it_ends(
    application: Any, headers: dict[str, str], readers: FakeReaders
) -> None:
    readers.page = NOTHING
    for attempt in range(10):  # there are three
        readers.error = ConnectionRefusedError() if attempt % 2 else None
        async with listening(application, PATH, headers):
            pass
    readers.error = None
    async with (
        listening(application, PATH, headers) as one,
        listening(application, PATH, headers) as two,
        listening(application, PATH, headers) as three,
        listening(application, PATH, headers) as four,
    ):
        assert [each.status for each in (one, two, three, four)] == [200, 200, 200, 503]


async def test_a_reader_who_takes_nothing_is_let_go(
    application: Any, headers: dict[str, str], readers: FakeReaders, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "SEND_SECONDS", 0.05)
    readers.page = NOTHING
    async with listening(application, PATH, headers) as listener:
        await listener.changes()
        await _waiting(1)
        listener.taking.clear()
        readers.page = examples.CHANGES
        feed.committed(1, 1, {CUIABA})
        await _waiting(0)
    assert not listener.ended


async def test_the_head_alone_has_an_end(application: Any, headers: dict[str, str], readers: FakeReaders) -> None:
    async with listening(application, PATH, headers, method="HEAD") as listener:
        assert listener.headers["content-type"] == STREAM
        assert await listener.body() == b""


async def test_who_asks_for_json_gets_it(api: httpx.AsyncClient) -> None:
    for accept in ("*/*", "application/json", "text/event-stream;q=0.5, application/json"):
        answer = await api.get(PATH, headers={"accept": accept})
        assert answer.headers["content-type"] == "application/json"
