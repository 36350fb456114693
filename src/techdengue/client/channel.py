"""The port between a device and its server: operations up, answers down, and what others changed.

Three implementations have one shape: requests (`request_channel`), an NDJSON stream (`stream_channel`) and a WebSocket
(`socket_channel`). Who uses a channel calls `send` and `receive` from two tasks, so that neither waits for the other.
"""

import enum
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

import msgspec

from . import wire
from .errors import Unreachable


class Carrier(enum.StrEnum):
    """What carries operations to the server."""

    HTTP = "http"
    """Batches: `POST /api/sync`; changes by long polling."""
    STREAM = "stream"
    """One request without an end: `POST /api/sync/stream`; changes by long polling."""
    WS = "ws"
    """A WebSocket both ways: `GET /api/sync/ws`."""


class Outgoing(Protocol):
    """Something to send. `place` is its own, and grows in the order of sending."""

    @property
    def place(self) -> int: ...
    @property
    def body(self) -> bytes: ...


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be handed over at once, and how much may be unanswered; bytes are those of operations."""

    piece_operations: int
    piece_bytes: int
    operations: int
    bytes: int


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """That changes are wanted too: from where on, and how many at most a page."""

    cursor: str
    limit: int


class Answered(msgspec.Struct, frozen=True):
    """These operations were answered; an error's `index` is its place in `operations`."""

    operations: Sequence[Outgoing]
    answer: wire.SyncAnswer


class Postponed(msgspec.Struct, frozen=True):
    """These were not recorded; once nothing is unanswered they are sent again, in order, and not before their time."""

    operations: Sequence[Outgoing]
    error: Unreachable


class Changed(msgspec.Struct, frozen=True):
    """What others changed; receiving the next message says that this one is stored."""

    page: wire.ChangesPage


class Alive(msgspec.Struct, frozen=True):
    """The server is there and has nothing to say."""


Message: TypeAlias = Answered | Postponed | Changed | Alive


class Channel(Protocol):
    """One conversation. Every method raises LinkError; after one the channel is only closed."""

    @property
    def limits(self) -> Limits:
        """The server's, as far as it said."""
        ...

    async def send(self, operations: Sequence[Outgoing]) -> None:
        """Hand operations over, in the order in which they shall be recorded."""
        ...

    async def receive(self) -> Message:
        """What the server says next."""
        ...

    async def finish(self) -> None:
        """Nothing is unanswered, and nothing will be sent for a while."""
        ...


Open: TypeAlias = Callable[[Listen | None], AbstractAsyncContextManager[Channel]]
"""Opens a channel and closes it with the block; with Listen it brings changes too."""
