"""A device's end of a WebSocket, at the conversation itself: no server between."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from techdengue.http.services import Services
from techdengue.http.socket.connection import converse

Message = dict[str, Any]


class Device:
    """Says messages and hears the server's. `taking`, cleared, lets nothing more arrive; `lost`: nothing ever will."""

    def __init__(self) -> None:
        self.taking = asyncio.Event()
        self.taking.set()
        self.lost = False
        self.ended: asyncio.Task[int]
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._heard: asyncio.Queue[Message] = asyncio.Queue()

    def say(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        self.send(json.dumps({"type": kind, **fields}))

    def send(self, text: str | bytes) -> None:
        """Send a frame, of text or binary."""
        name = "text" if isinstance(text, str) else "bytes"
        self._said.put_nowait({"type": "websocket.receive", name: text})

    def leave(self) -> None:
        """Go away."""
        self._said.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def hear(self, kind: str) -> Message:
        """The next message, which is of this kind."""
        told = await self.hear_any()
        assert told.pop("type") == kind, told
        return told

    async def hear_any(self) -> Message:
        """The next message, with its type."""
        async with asyncio.timeout(30):
            heard = await self._heard.get()
        assert heard["type"] == "websocket.send", heard
        told: Message = json.loads(heard["text"])
        return told

    async def closed(self, code: int, reason: str) -> Message:
        """The problem that is told before the close, which has this code and reason."""
        problem: Message = (await self.hear("problem"))["problem"]
        async with asyncio.timeout(30):
            heard = await self._heard.get()
            assert heard == {"type": "websocket.close", "code": code, "reason": reason}
            assert await self.ended == code
        assert problem["code"] == reason
        return problem

    async def receive(self) -> Message:
        """ASGI's."""
        return await self._said.get()

    async def take(self, message: Message) -> None:
        """ASGI's `send`."""
        await self.taking.wait()
        if self.lost:
            raise OSError
        self._heard.put_nowait(message)


@asynccontextmanager
async def connected(services: Services, token: str) -> AsyncIterator[Device]:
    """A device whose socket was accepted; it says nothing yet."""
    device = Device()
    admission = await services.verifier.admit(token)
    device.ended = asyncio.create_task(
        converse(services, admission, token, device.receive, device.take, "urn:techdengue:request:r-1")
    )
    try:
        yield device
    finally:
        device.taking.set()
        device.leave()
        await device.ended


@asynccontextmanager
async def greeted(services: Services, token: str, **hello: Any) -> AsyncIterator[Device]:
    """A device that was welcomed, and wants no changes unless `hello` says otherwise."""
    async with connected(services, token) as device:
        device.say("hello", **{"device_id": "device-1", "changes": False, **hello})
        await device.hear("welcome")
        yield device
