"""A stream of operations that a test sends line by line, and what the log has of a device."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable

import aiohttp

from techdengue.domain.access import Role

from .load import MUNICIPIO
from .wire import Json, Site, operation


def log_of(name: str, count: int) -> list[Json]:
    """Creates of a device's own entities."""
    data = {"tipo": "VISTORIA", "municipio_cod_ibge": MUNICIPIO}
    return [operation("create", f"{name}-{number}", f"{name}-{number}", data) for number in range(count)]


class Sending:
    """A stream whose lines a test sends one by one."""

    def __init__(
        self, http: aiohttp.ClientSession, site: Site, device: str, *, token: str | None = None, server: int = 0
    ) -> None:
        self._http = http
        self._url = site.urls[server % len(site.urls)] + "/api/sync/stream"
        token = token or site.token(f"user-of-{device}", Role.CAMPO, (MUNICIPIO,))
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
