"""HTTP/1.1 and WebSocket of uvicorn, with bounds on what a peer may make them keep.

Uvicorn waits for the end of a request's head however long and large that becomes, and at the end of a connection for
its peer to read what is left, however long that takes.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from techdengue.http.edge import ABORT_KEY

LARGEST_HEAD: Final = 64 * 1024
"""Bytes of a request line and its headers, with whatever came together with them."""
HEAD_SECONDS: Final = 30.0
"""How long a head that has begun may take to come."""
LEAVE_SECONDS: Final = 15.0
"""How long a peer may take to read what is left when its connection ends."""


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


class WebSocket(WebSocketsSansIOProtocol):
    """One WebSocket, which ends even where its peer reads no more."""

    def on_task_complete(self, task: asyncio.Task[Any]) -> None:
        """The application is done with it."""
        super().on_task_complete(task)
        if not self.disconnected:
            self.loop.call_later(LEAVE_SECONDS, self.transport.abort)
