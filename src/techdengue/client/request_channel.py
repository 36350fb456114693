"""The channel of batches: one request, one answer, and then the next."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

import uuid_utils

from .channel import Answered, Limits, Listen, Message, Outgoing
from .clock import Clock, timestamp
from .inbox import Inbox
from .link import Link
from .polling import poll

_LIMITS: Final = Limits(
    piece_operations=1000, piece_bytes=3 * 1024 * 1024, operations=1000, bytes=3 * 1024 * 1024
)  # as many bytes in all as in a piece: so there is one batch under way


class RequestChannel:
    """`POST /api/sync`."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self.inbox = Inbox()

    @property
    def limits(self) -> Limits:
        """The server takes 5 MiB unpacked."""
        return _LIMITS

    async def send(self, operations: Sequence[Outgoing]) -> None:
        """Returns when the server has answered."""
        answer = await self._link.send_operations(
            [operation.body for operation in operations],
            batch_id=str(uuid_utils.uuid7()),
            sent_at=timestamp(self._clock),
        )
        await self.inbox.put(Answered(operations, answer))

    async def receive(self) -> Message:
        """The answer, or changes."""
        return await self.inbox.take()

    async def finish(self) -> None:
        """Each request has ended already."""


@contextlib.asynccontextmanager
async def open_requests(link: Link, clock: Clock, listen: Listen | None) -> AsyncIterator[RequestChannel]:
    """Nothing is sent until there is something to send; changes are asked for at once."""
    channel = RequestChannel(link, clock)
    if listen is None:
        yield channel
        return
    async with channel.inbox.filled_by(poll(link, listen, channel.inbox)):
        yield channel
