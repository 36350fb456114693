"""The fake server's stream and WebSocket: the same log and outcomes, and faults in the middle of a conversation."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from .fake_server import FakeServer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
NOW = "2026-01-01T00:00:00.000000Z"


class Cut(Exception):
    """The connection breaks here."""


class Streams:
    """What the streams of a fake server share, and what shall go wrong in them."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.cut: tuple[int, int] | None = None
        """(operations recorded, operations answered) at which the next conversation breaks; used up."""
        self.frames: list[dict[str, Any] | None] = []
        """A problem for each next frame that is refused, None for one that is taken."""
        self.problems: list[dict[str, Any] | None] = []
        """For each next stream the problem with which it ends before it records anything."""
        self.closes: list[tuple[int, str] | None] = []
        """For each next WebSocket the code and reason with which it closes at its first frame of operations."""
        self.heard: list[dict[str, Any]] = []
        """Every message of WebSockets, in the order in which they came."""
        self.window = {"operations": 1000, "bytes": 5 * 1024 * 1024}
        self.heartbeat = 30.0
        self.token_expires_at = "2026-01-01T01:00:00.000000Z"
        """By the server's clock, which stands at NOW."""
        self.holds = False
        """Whether a conversation that is cut is held first, until the server's `release`."""
        self.most_unanswered = 0
        self.connections = 0
        self.packed: list[bool] = []
        self._news = asyncio.Event()
        self.stopped = False
        self.mute = False
        """Whether WebSockets say nothing after their welcome."""
        self._word = asyncio.Event()

    def hear(self, message: dict[str, Any]) -> None:
        """A WebSocket's message came."""
        self.heard.append(message)
        self._word.set()

    async def heard_something(self) -> None:
        """Until the next message of any WebSocket."""
        self._word.clear()
        await self._word.wait()

    def changed(self) -> None:
        """Something was recorded."""
        self._news.set()
        self._news = asyncio.Event()

    def stop(self) -> None:
        """Let everybody go who waits."""
        self.stopped = True
        self.changed()

    async def wait(self, true: Callable[[], bool], seconds: float) -> None:
        """Until it is true, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not true() and not self.stopped:
                    await self._news.wait()


def add_streams(server: "FakeServer", app: web.Application, guarded: Callable[[Handler], Handler]) -> None:
    """Route them."""

    async def stream(request: web.Request) -> web.StreamResponse:
        return await _Stream(server, request).answer()

    async def socket(request: web.Request) -> web.StreamResponse:
        return await _Socket(server, request).answer()

    server.streams.handlers = {"/api/sync/stream": stream, "/api/sync/ws": socket}
    app.router.add_post("/api/sync/stream", guarded(stream))
    app.router.add_get("/api/sync/ws", guarded(socket))


class _Conversation:
    def __init__(self, server: "FakeServer", request: web.Request) -> None:
        self.server = server
        self.request = request
        self.device = request.headers["X-Device-ID"]
        self.cut, server.streams.cut = server.streams.cut, None
        self.recorded = self.answered = 0
        server.streams.connections += 1

    def process(self, operation: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        answer = self.server.process_operation(self.device, operation)
        self.recorded += 1
        return answer

    async def break_off(self) -> None:
        """Raise Cut when as much was recorded as the fault says."""
        if self.cut is None or self.recorded < self.cut[0]:
            return
        if self.server.streams.holds:
            self.server.reached.set()
            await self.server.release.wait()
        raise Cut

    @property
    def is_told(self) -> bool:
        """Whether the next answer still leaves."""
        return self.cut is None or self.answered < self.cut[1]

    def hang_up(self) -> None:
        assert self.request.transport is not None
        self.request.transport.close()


class _Stream(_Conversation):
    async def answer(self) -> web.StreamResponse:
        """A line for each line."""
        if self.request.content_type != "application/x-ndjson":
            return web.Response(status=415)
        self.server.streams.packed.append("Content-Encoding" in self.request.headers)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(self.request)
        problem = self.server.streams.problems.pop(0) if self.server.streams.problems else None
        try:
            if problem is not None:
                await _line(response, problem | {"kind": "problem", "processed": 0})
                return response
            async for operation in self._operations():
                await self._answer(response, operation)
        except Cut:
            self.hang_up()
            return response
        await _line(response, {"kind": "end", "processed": self.recorded, "server_timestamp": NOW})
        return response

    async def _operations(self) -> AsyncIterator[dict[str, Any]]:
        async for line in self.request.content:
            if line.strip():
                yield json.loads(line)

    async def _answer(self, response: web.StreamResponse, operation: dict[str, Any]) -> None:
        index = self.recorded
        where, what = self.process(operation)
        if self.is_told:
            kind = {"successes": "success", "conflicts": "conflict", "errors": "error"}[where]
            await _line(response, what | {"kind": kind, "index": index})
            self.answered += 1
        await self.break_off()


class _Socket(_Conversation):
    async def answer(self) -> web.StreamResponse:
        """Frames both ways."""
        self.socket = web.WebSocketResponse(protocols=("techdengue.sync.1",), max_msg_size=1024 * 1024)
        await self.socket.prepare(self.request)
        hello = await self.socket.receive_json()
        self._heard(hello)
        streams = self.server.streams
        self.cursor, self.credit = int(hello["cursor"] or 0), hello["credit"]
        self.starting_over: int | None = None
        self.close, streams.closes = (streams.closes[0], streams.closes[1:]) if streams.closes else (None, [])
        if self.cursor > len(self.server.log):
            await self._say(
                type="problem", problem={"status": 400, "code": "invalid_cursor", "title": "invalid_cursor"}
            )
            await self.socket.close(code=4400, message=b"invalid_cursor")
            return self.socket
        await self._say(
            type="welcome",
            device_id=self.device,
            window=streams.window,
            heartbeat_seconds=streams.heartbeat,
            token_expires_at=streams.token_expires_at,
            server_timestamp=NOW,
        )
        telling = asyncio.ensure_future(self._tell(wanted=hello.get("changes", True)))
        try:
            await self._listen()
        except Cut:
            self.hang_up()
        finally:
            telling.cancel()
            await asyncio.wait((telling,))
        return self.socket

    async def _listen(self) -> None:
        async for message in self.socket:
            if message.type is not WSMsgType.TEXT:
                return
            said = json.loads(message.data)
            self._heard(said)
            match said["type"]:
                case "operations":
                    await self._frame(said)
                case "credit":
                    self.credit += said["items"]
                    self.server.streams.changed()
                case "token":
                    self.server.tokens.append(said["token"])

    async def _frame(self, said: dict[str, Any]) -> None:
        if self.close is not None:
            code, reason = self.close
            await self._say(type="problem", problem={"code": reason, "title": reason})
            await self.socket.close(code=code, message=reason.encode())
            return
        if any(operation["idempotency_key"] in self.server.unreadable for operation in said["operations"]):
            await self.socket.close(code=4400, message=b"malformed")
            return
        problem = self._refusal(said["seq"])
        if problem is not None:
            await self._say(type="refused", seq=said["seq"], problem=problem)
            return
        lists: dict[str, list[dict[str, Any]]] = {"successes": [], "conflicts": [], "errors": []}
        for index, operation in enumerate(said["operations"]):
            where, what = self.process(operation)
            lists[where].append(what | ({"index": index} if where == "errors" else {}))
        if self.is_told:
            count = len(said["operations"])
            await self._say(
                type="results",
                seq=said["seq"],
                acknowledged=said["seq"],
                processed=count,
                server_timestamp=NOW,
                **lists,
            )
            self.answered += count
        await self.break_off()

    def _refusal(self, seq: int) -> dict[str, Any] | None:
        frames = self.server.streams.frames
        if self.starting_over not in (None, seq):
            return {"status": 409, "code": "earlier_frame_refused", "title": "an earlier frame was refused"}
        self.starting_over = None
        problem = frames.pop(0) if frames else None
        if problem is not None:
            self.starting_over = seq
        return problem

    async def _tell(self, *, wanted: bool) -> None:
        """Changes as they are made, as far as there is credit."""
        server = self.server
        while wanted:
            await server.streams.wait(
                lambda: len(server.log) > self.cursor and self.credit > 0, self.server.streams.heartbeat
            )
            if len(server.log) <= self.cursor or self.credit <= 0:
                await self._say(type="heartbeat", server_timestamp=NOW)
                continue
            page = server.page(self.cursor, min(self.credit, 100))
            self.cursor = int(page["next_cursor"])
            self.credit -= len(page["items"])
            await self._say(type="changes", items=page["items"], cursor=page["next_cursor"], has_more=page["has_more"])

    def _heard(self, message: dict[str, Any]) -> None:
        self.server.streams.hear(message)

    async def _say(self, **message: Any) -> None:
        if not self.socket.closed and not (self.server.streams.mute and message["type"] != "welcome"):
            await self.socket.send_json(message)


async def _line(response: web.StreamResponse, line: dict[str, Any]) -> None:
    await response.write(json.dumps(line).encode() + b"\n")
