"""A link that loses requests and answers, delivers requests twice, and breaks streams in the middle."""

import random
from collections.abc import Awaitable, Callable, Sequence

from techdengue.client.duplex import Closed, Duplex
from techdengue.client.errors import Unreachable
from techdengue.client.transport import Request, Response, StreamingTransport


class BadLink:
    """Wraps a transport. Closing it leaves the wrapped one open: devices share that."""

    def __init__(self, transport: StreamingTransport, rng: random.Random) -> None:
        self._transport = transport
        self._rng = rng
        self.calm = False
        """With True it delivers everything."""
        self.lost_requests = 0
        self.lost_answers = 0
        self.cuts = 0
        """Streams and WebSockets that broke."""

    async def send(self, request: Request) -> Response:
        """The server's answer, or Unreachable by chance."""
        fate = self._fate()
        if fate < 0.06:
            self._lose_request()
        if fate < 0.09:
            await self._transport.send(request)
        response = await self._transport.send(request)
        if 0.09 <= fate < 0.20:
            self.lost_answers += 1
            raise Unreachable("the answer was lost")
        return response

    async def open_stream(self, request: Request) -> Duplex | Response:
        """A stream that may break at each message."""
        return await self._open(self._transport.open_stream, request)

    async def open_socket(self, request: Request) -> Duplex | Response:
        """A WebSocket that may break at each message."""
        return await self._open(self._transport.open_socket, request)

    async def close(self) -> None:
        """Nothing of its own to let go of."""

    def cut(self) -> None:
        """Raise Unreachable by chance."""
        if self._fate() < 0.04:
            self.cuts += 1
            raise Unreachable("the connection broke")

    async def _open(
        self, open_duplex: Callable[[Request], Awaitable[Duplex | Response]], request: Request
    ) -> Duplex | Response:
        if self._fate() < 0.06:
            self._lose_request()
        opened = await open_duplex(request)
        return opened if isinstance(opened, Response) else _BadDuplex(opened, self)

    def _lose_request(self) -> None:
        self.lost_requests += 1
        raise Unreachable("the request was lost")

    def _fate(self) -> float:
        return 1.0 if self.calm else self._rng.random()


class _BadDuplex:
    """Breaks before a message leaves, or after one has come: the other side has said it, and nobody heard."""

    def __init__(self, duplex: Duplex, link: BadLink) -> None:
        self._duplex = duplex
        self._link = link

    async def send(self, message: bytes) -> None:
        """Hand it over, if the link holds."""
        self._link.cut()
        await self._duplex.send(message)

    async def receive(self, silence: float) -> Sequence[bytes] | Closed | None:
        """What came, if the link holds."""
        heard = await self._duplex.receive(silence)
        if heard is not None:
            self._link.cut()
        return heard

    async def end(self) -> None:
        """Send nothing more."""
        await self._duplex.end()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._duplex.close()
