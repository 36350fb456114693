"""`POST /api/sync/stream` over sockets: both ways at once, cut in the middle, and exactly once in the log."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import aiohttp

from techdengue.domain.access import Role

from .wire import Json, Site, operation

MUNICIPIO = "5103403"


def log_of(name: str, count: int) -> list[Json]:
    """Creates of a device's own entities."""
    data = {"tipo": "VISTORIA", "municipio_cod_ibge": MUNICIPIO}
    return [operation("create", f"{name}-{number}", f"{name}-{number}", data) for number in range(count)]


class Sending:
    """A stream whose lines a test sends one by one."""

    def __init__(
        self, http: aiohttp.ClientSession, site: Site, device: str, *, user: str = "", server: int = 0
    ) -> None:
        self._http = http
        self._url = site.urls[server % len(site.urls)] + "/api/sync/stream"
        token = site.token(user or f"user-of-{device}", Role.CAMPO, (MUNICIPIO,))
        self._headers = {
            "authorization": f"Bearer {token}",
            "x-device-id": device,
            "content-type": "application/x-ndjson",
        }
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.answer: aiohttp.ClientResponse

    async def __aenter__(self) -> "Sending":
        self._lines.put_nowait(b"\n")  # aiohttp sends its head with the first piece of the body
        self.answer = await self._http.post(self._url, data=self._body(), headers=self._headers)
        assert self.answer.status == 200
        return self

    async def __aexit__(self, *_: object) -> None:
        self.answer.close()

    def send(self, operations: Iterable[Json]) -> None:
        """Send these, whenever there is room."""
        for each in operations:
            self._lines.put_nowait(json.dumps(each).encode() + b"\n")

    def finish(self) -> None:
        """No more will be sent."""
        self._lines.put_nowait(None)

    async def told(self, count: int) -> list[Json]:
        """The next lines of the answer."""
        return [json.loads(await self.answer.content.readline()) for _ in range(count)]

    async def _body(self) -> AsyncIterator[bytes]:
        while (line := await self._lines.get()) is not None:
            yield line


async def recorded(site: Site, device: str) -> list[Json]:
    """A device's events, oldest first."""
    auditor = site.token("auditora", Role.ADMIN)
    return await site.read_all("/api/events", auditor, device=device, limit=1000)


async def test_an_operation_is_answered_while_the_stream_goes_on(http: aiohttp.ClientSession, site: Site) -> None:
    first, second = log_of("duplex", 2)
    async with Sending(http, site, "duplex") as stream:
        stream.send([first])
        assert (await stream.told(1))[0]["kind"] == "success"
        assert [event["idempotency_key"] for event in await recorded(site, "duplex")] == ["duplex-0"]
        stream.send([second])
        assert (await stream.told(1))[0]["index"] == 1
        stream.finish()
        assert (await stream.told(1))[0]["processed"] == 2


async def test_a_log_that_is_cut_ten_times_is_in_the_log_exactly_once(http: aiohttp.ClientSession, site: Site) -> None:
    log = log_of("cut", 3000)
    acknowledged: set[str] = set()
    for cut in range(10):
        async with Sending(http, site, "cut", server=cut) as stream:
            stream.send(log)
            for told in await stream.told(300 * (cut + 1)):
                acknowledged.add(told["idempotency_key"])
    assert acknowledged <= {event["idempotency_key"] for event in await recorded(site, "cut")}
    async with Sending(http, site, "cut") as stream:
        stream.send(log)
        stream.finish()
        *answers, last = await stream.told(len(log) + 1)
    assert {each["kind"] for each in answers} == {"success"}
    assert (last["kind"], last["processed"]) == ("end", len(log))
    keys = [event["idempotency_key"] for event in await recorded(site, "cut")]
    assert keys == [each["idempotency_key"] for each in log]


async def test_two_streams_of_one_device_at_once_record_each_operation_once(
    http: aiohttp.ClientSession, site: Site
) -> None:
    log = log_of("twice", 1000)

    async def stream_all(server: int) -> list[Any]:
        async with Sending(http, site, "twice", server=server) as stream:
            stream.send(log)
            stream.finish()
            return await stream.told(len(log) + 1)

    tales = await asyncio.gather(stream_all(0), stream_all(1))
    for told in tales:
        assert [each["kind"] for each in told] == ["success"] * len(log) + ["end"]
        assert [each["index"] for each in told[:-1]] == list(range(len(log)))
    for one, other in zip(*tales, strict=True):
        assert one.get("already_processed") != other.get("already_processed") or one["kind"] == "end"
    assert len(await recorded(site, "twice")) == len(log)
