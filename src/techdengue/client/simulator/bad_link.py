"""A link that loses requests, loses answers after the server did the work, and delivers requests twice."""

import random

from techdengue.client.errors import Unreachable
from techdengue.client.transport import Request, Response, Transport


class BadLink:
    """Wraps a transport. Closing it leaves the wrapped one open: devices share that."""

    def __init__(self, transport: Transport, rng: random.Random) -> None:
        self._transport = transport
        self._rng = rng
        self.calm = False
        """With True it delivers everything."""
        self.lost_requests = 0
        self.lost_answers = 0
        self.doubled = 0

    async def send(self, request: Request) -> Response:
        """The server's answer, or Unreachable by chance."""
        fate = 1.0 if self.calm else self._rng.random()
        if fate < 0.06:
            self.lost_requests += 1
            raise Unreachable("the request was lost")
        if fate < 0.09:
            self.doubled += 1
            await self._transport.send(request)
        response = await self._transport.send(request)
        if 0.09 <= fate < 0.20:
            self.lost_answers += 1
            raise Unreachable("the answer was lost")
        return response

    async def close(self) -> None:
        """Nothing of its own to let go of."""
