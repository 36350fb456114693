"""A client of a stream of events, at the application itself: takes messages as they are sent, and may leave."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True):
    """One event as it came; a comment has only `comment`."""

    name: str | None = None
    id: str | None = None
    data: Any = None
    comment: str | None = None
    retry: int | None = None


class Listener:
    """What the application has sent so far, and a way to leave."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended = False
        self.taking = asyncio.Event()
        """Cleared, nothing more is taken."""
        self.taking.set()
        self._left = asyncio.Event()
        self._asked = False
        self._begun = asyncio.Event()
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._text = ""

    def leave(self) -> None:
        """Close the connection."""
        self._left.set()

    async def receive(self) -> Any:
        """ASGI's."""
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """ASGI's."""
        await self.taking.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            self._begun.set()
            return
        self._chunks.put_nowait(message.get("body", b""))
        if not message.get("more_body", False):
            self.ended = True
            self._chunks.put_nowait(None)

    def end(self, _serving: object) -> None:
        """The application has returned: nothing more comes."""
        self._chunks.put_nowait(None)

    async def begun(self) -> None:
        """Until the answer has begun."""
        await self._begun.wait()

    async def body(self) -> bytes:
        """All of a short answer."""
        parts = []
        while (chunk := await self._chunks.get()) is not None:
            parts.append(chunk)
        return b"".join(parts)

    async def event(self) -> Event | None:
        """The next event; None at the end."""
        while "\n\n" not in self._text:
            chunk = await self._chunks.get()
            if chunk is None:
                self._chunks.put_nowait(None)
                return None
            self._text += chunk.decode()
        block, _, self._text = self._text.partition("\n\n")
        return _read(block)

    async def changes(self) -> Event:
        """The next event that is one, which must be of changes."""
        while (event := await self.event()) is not None:
            if event.name is not None:
                assert event.name == "changes", event
                return event
        raise AssertionError("the stream ended")


def _read(block: str) -> Event:
    fields: dict[str, Any] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        fields[{"": "comment", "event": "name"}.get(name, name)] = value.removeprefix(" ")
    if "data" in fields:
        fields["data"] = msgspec.json.decode(fields["data"])
    return msgspec.convert(fields, Event, strict=False)


@contextlib.asynccontextmanager
async def listening(
    application: Any, path: str, headers: Mapping[str, str], *, query: str = "", method: str = "GET"
) -> AsyncIterator[Listener]:
    """A request to the application; the client leaves with the block, and the application must end then."""
    listener = Listener()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    serving = asyncio.create_task(application(scope, listener.receive, listener.send))
    serving.add_done_callback(listener.end)
    try:
        beginning = asyncio.create_task(listener.begun())
        await asyncio.wait({serving, beginning}, return_when=asyncio.FIRST_COMPLETED)
        beginning.cancel()
        yield listener
    finally:
        listener.leave()
        await asyncio.wait_for(serving, 30)
