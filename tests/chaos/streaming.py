"""How a device reaches the server with a long breath: a stream of lines, or a WebSocket that stays."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import aiohttp
import msgspec

from tests.e2e.load import RETRIED
from tests.e2e.playing import Told, matched, rfc3339
from tests.e2e.wire import Json

from .ledger import Entry
from .ways import BROKEN, Requests

_LISTS: Final = {"success": "successes", "conflict": "conflicts", "error": "errors"}
_TOLD_TO_COME_BACK: Final = frozenset({"unavailable", "overloaded", "earlier_frame_refused", "server_stopping"})
_FRAME: Final = 7
_CREDIT: Final = 100
_ANSWER_SECONDS: Final = 30.0
_TIMEOUT: Final = aiohttp.ClientWSTimeout(ws_close=1.0)


class Stream(Requests):
    """`POST /api/sync/stream`, a request for all that waits; changes are waited for a little."""

    most = 60

    async def push(self, entries: Sequence[Entry], sent_at: int | None) -> None:
        """Each answer counts when its line is heard. `sent_at` is of a stream's beginning, not of each line: unsaid."""
        began = self.ledger.sent(entries, None)
        headers = self.headers | {"content-type": "application/x-ndjson"}
        try:
            async with self.http.post(f"{self.url}/api/sync/stream", data=_lines(entries), headers=headers) as answer:
                if answer.status != 200:
                    assert answer.status in RETRIED, await answer.read()
                    await self.ledger.fail(str(answer.status))
                    return
                async for line in answer.content:
                    if line.endswith(b"\n"):
                        await self._take(msgspec.json.decode(line), entries, began)
        except BROKEN as error:
            await self.ledger.fail(type(error).__name__)

    async def _take(self, line: Json, entries: Sequence[Entry], began: float) -> None:
        match kind := line.pop("kind"):
            case "end":
                assert line["processed"] == len(entries)
            case "problem":
                assert line["code"] in _TOLD_TO_COME_BACK | {"malformed_body"}, line
                await self.ledger.fail(str(line["status"]))
            case _:
                operation = entries[line["index"] if kind == "error" else line.pop("index")].operation
                assert operation["idempotency_key"] == line["idempotency_key"]
                await self.ledger.hear([Told(self.device, operation, None, _LISTS[kind], line)], began)

    async def changes(self, cursor: str | None, limit: int) -> Json | None:
        """GET /api/sync/changes, waiting for a change."""
        return await self.ask_changes(cursor, limit=str(limit), wait="0.1")


class Socket(Requests):
    """`GET /api/sync/ws`, frames in flight at once; changes come by themselves and wait here until they are pulled."""

    most = 40
    echoes = False

    def __init__(self, *of_requests: Any) -> None:
        super().__init__(*of_requests)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._sequence = 0
        self._pages: deque[Json] = deque()
        self._cursor: str | None = None
        self._stays = True

    async def push(self, entries: Sequence[Entry], sent_at: int | None) -> None:
        """All frames are sent before the first answer is heard. A frame that is refused ends the connection."""
        began = self.ledger.sent(entries, sent_at)
        try:
            socket = self._socket = self._socket or await self._connect()
            waiting = await self._send(socket, entries, sent_at)
            while waiting:
                heard = await self._hear(socket)
                if heard["type"] == "results":
                    frame = waiting.pop(heard["seq"])
                    await self.ledger.hear(matched(self.device, frame, sent_at, heard), began)
        except _Refused as refused:
            await self.ledger.fail(refused.status)
            await self._drop()
        except BROKEN as error:
            await self.ledger.fail(type(error).__name__)
            await self._drop()

    async def changes(self, cursor: str | None, limit: int) -> Json | None:
        """A page that has come."""
        if self._pages:
            page = self._pages.popleft()
            return {
                "items": page["items"],
                "next_cursor": page["cursor"],
                "has_more": bool(self._pages) or not self._stays,
            }
        if self._stays:
            return {"items": [], "next_cursor": cursor, "has_more": False}
        return await super().changes(cursor, limit)

    async def close(self) -> None:
        """Leave; what has come and was not pulled stays here."""
        self._stays = False
        await self._drop()

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        try:
            socket = await self.http.ws_connect(
                f"{self.url}/api/sync/ws", headers=self.headers, max_msg_size=0, timeout=_TIMEOUT
            )
        except aiohttp.WSServerHandshakeError as error:
            raise _Refused(error.status, error.message) from error
        self._sequence = 0
        hello = {"type": "hello", "device_id": self.device, "cursor": self._cursor, "credit": _CREDIT}
        await socket.send_str(_text(hello))
        return socket

    async def _send(
        self, socket: aiohttp.ClientWebSocketResponse, entries: Sequence[Entry], sent_at: int | None
    ) -> dict[int, list[Json]]:
        waiting: dict[int, list[Json]] = {}
        for start in range(0, len(entries), _FRAME):
            operations = [entry.operation for entry in entries[start : start + _FRAME]]
            self._sequence += 1
            waiting[self._sequence] = operations
            more = {} if sent_at is None else {"sent_at": rfc3339(sent_at)}
            frame = {"type": "operations", "seq": self._sequence, "operations": operations, **more}
            await socket.send_str(_text(frame))
        return waiting

    async def _hear(self, socket: aiohttp.ClientWebSocketResponse) -> Json:
        message = await socket.receive(_ANSWER_SECONDS)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionResetError
        heard: Json = msgspec.json.decode(message.data)
        match heard["type"]:
            case "changes":
                self._pages.append(heard)
                self._cursor = heard["cursor"]
                if heard["items"]:
                    await socket.send_str(_text({"type": "credit", "items": len(heard["items"])}))
            case "heartbeat":
                await socket.send_str(_text({"type": "heartbeat"}))
            case "refused" | "problem":
                assert heard["problem"]["code"] in _TOLD_TO_COME_BACK, heard
                raise _Refused(heard["problem"]["status"], heard["problem"]["title"])
        return heard

    async def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()


class _Refused(Exception):
    """The server would not take a frame, or a connection, now."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        assert status in RETRIED, (status, why)
        self.status = str(status)


async def _lines(entries: Sequence[Entry]) -> AsyncIterator[bytes]:
    for entry in entries:
        yield msgspec.json.encode(entry.operation) + b"\n"


def _text(message: Json) -> str:
    return msgspec.json.encode(message).decode()
