"""HTTP/1.1 and WebSocket of uvicorn, with bounds on what a peer may make them keep.

Uvicorn waits for the end of a request's head however long and large that becomes, and at the end of a connection for
its peer to read what is left, however long that takes. Of a WebSocket it parses at once all that has come, answers
every ping whether or not anybody reads, and keeps the parts of a message however many they are.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from techdengue.http.edge import ABORT_KEY

LARGEST_HEAD: Final = 64 * 1024
"""Bytes of a request line and its headers, with whatever came together with them."""
HEAD_SECONDS: Final = 30.0
"""How long a head that has begun may take to come."""
LEAVE_SECONDS: Final = 15.0
"""How long a peer may take to read what is left when its connection ends."""

SLICE: Final = 16 * 1024
"""Bytes of a WebSocket that are parsed at once; a frame may have six, and others want their turn."""
MOST_PARTS: Final = 4096
"""Frames of one message: those of 256 bytes make the largest one."""

_CONTINUE: Final = b"HTTP/1.1 100 "
_LENGTH: Final = b"\r\ncontent-length: "


class Http(HttpToolsProtocol):
    """One connection, with a head of bounded size that comes in bounded time."""

    _head_bytes = 0
    _in_head = True
    _head_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and see that a head does not go on for ever."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        if self._head_bytes > LARGEST_HEAD:
            self.send_400_response("The head of the request is too large")
        elif self._head_deadline is None and self._head_bytes:
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head has come."""
        self._end_head()
        super().on_headers_complete()
        self.scope[ABORT_KEY] = self.transport.abort  # type: ignore[typeddict-unknown-key]  # ours
        answers = self.cycle is not None and self.cycle.scope is self.scope  # else it is to be a WebSocket
        if answers and self.scope["method"] != "HEAD":  # no body would come to send its head
            self.cycle.transport = _Joined(self.transport)  # type: ignore[assignment]  # as much of one as it uses

    def on_message_complete(self) -> None:
        """The next head may come."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, and let go of it: the parser and this object hold each other."""
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # as uvicorn does when the connection is lost

    def _await_head(self) -> None:
        self._head_deadline = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _end_head(self) -> None:
        self._in_head = False
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None


class _Joined:
    """Where an answer is written: a head that says how long its body is waits for it, for the body comes at once.

    So both are one system call and one packet, not two of each.
    """

    __slots__ = ("_begun", "_head", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._begun = False
        self._head = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """asyncio's."""
        if not self._begun and not data.startswith(_CONTINUE):
            self._begun = True
            if _LENGTH in data:
                self._head = data
                return
        head, self._head = self._head, b""
        self._transport.write(head + data)

    def close(self) -> None:
        """asyncio's."""
        if self._head:
            self.write(b"")
        self._transport.close()


class WebSocket(WebSocketsSansIOProtocol):
    """One WebSocket, which is parsed a slice at a time, and ends even where its peer reads no more."""

    _unparsed = b""
    _planned = False

    def data_received(self, data: bytes) -> None:
        """Parse what came: a slice of it now, the next ones in later turns of the loop; no more is read before."""
        first = not self._unparsed
        self._unparsed += data
        if first:
            self._parse()
        else:
            self.transport.pause_reading()
            self._go_on()

    async def receive(self) -> Any:
        """The next message; once the application has taken all, more are parsed or read."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._go_on()
        return message

    def handle_ping(self) -> None:
        """Answer it, unless earlier answers wait to be read: the latest is answer enough (RFC 6455, 5.5.3)."""
        answer = self.conn.data_to_send()
        if self.writable.is_set():
            self.transport.write(b"".join(answer))

    def handle_cont(self, event: Frame) -> None:
        """Keep another part of a message, of which there may not be too many."""
        if self.close_sent:
            return
        if len(self.frames) >= MOST_PARTS:
            self.conn.fail(1009, "too many parts")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def on_task_complete(self, task: asyncio.Task[Any]) -> None:
        """The application is done with it."""
        super().on_task_complete(task)
        if not self.disconnected:
            self.loop.call_later(LEAVE_SECONDS, self.transport.abort)

    def _parse(self) -> None:
        self._planned = False
        part, self._unparsed = self._unparsed[:SLICE], self._unparsed[SLICE:]
        super().data_received(part)
        if self.transport.is_closing():
            self._unparsed = b""
            return
        if self._unparsed:
            self.transport.pause_reading()
        self._go_on()

    def _go_on(self) -> None:
        if self.read_paused or self._planned or self.transport.is_closing():
            return
        if self._unparsed:
            self._planned = True
            self.loop.call_soon(self._parse)
        else:
            self.transport.resume_reading()
