"""Between devices and two servers: requests lost, answers lost, requests delivered twice, and all of it noted."""

import asyncio
import gzip
import itertools
from typing import Any, Literal

import msgspec

from techdengue.client import HttpTransport, Request, Response, Unreachable

from .playing import Told, matched
from .replaying import micros
from .wire import Site

Fate = Literal["delivered", "request lost", "answer lost", "doubled"]
FATES: tuple[Fate, ...] = ("delivered", "delivered", "request lost", "answer lost", "doubled")


class Roads:
    """A transport of devices that spreads requests over the site's servers. `told` holds every answer to a push."""

    def __init__(self, site: Site) -> None:
        self.fate: Fate = "delivered"
        """Of the next push; those after it are delivered."""
        self.told: list[Told] = []
        self.pushes: list[Request] = []
        self._site = site
        self._transport = HttpTransport()
        self._turns = itertools.count()

    async def send(self, request: Request) -> Response:
        """The answer, or Unreachable where fate has it so."""
        if request.method != "POST":
            return await self._deliver(request)
        fate, self.fate = self.fate, "delivered"
        if fate == "request lost":
            raise Unreachable("the request was lost")
        self.pushes.append(request)
        if fate == "doubled":
            response, _ = await asyncio.gather(self._deliver(request), self._deliver(request))
        else:
            response = await self._deliver(request)
        if fate == "answer lost":
            raise Unreachable("the answer was lost")
        return response

    async def repeat(self, request: Request) -> Response:
        """Deliver an old request once more, as a network may."""
        return await self._deliver(request)

    async def close(self) -> None:
        """Let go of connections."""
        await self._transport.close()

    async def _deliver(self, request: Request) -> Response:
        url = self._site.urls[next(self._turns) % len(self._site.urls)] + request.url.removeprefix(self._site.urls[0])
        response = await self._transport.send(msgspec.structs.replace(request, url=url))
        if request.method == "POST":
            assert response.status == 200, response
            self.told += _read(request, response)
        return response


def _read(request: Request, response: Response) -> list[Told]:
    raw = request.body or b""
    sent: Any = msgspec.json.decode(gzip.decompress(raw) if "Content-Encoding" in request.headers else raw)
    answer = msgspec.json.decode(response.body)
    return matched(request.headers["X-Device-ID"], sent["operations"], micros(sent["sent_at"]), answer)
