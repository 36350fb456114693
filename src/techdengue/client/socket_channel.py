"""The channel of a WebSocket: frames of operations up, their answers and other devices' changes down."""

import asyncio
import contextlib
import datetime as dt
import math
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from . import stream_wire as wire
from .channel import Alive, Answered, Changed, Limits, Listen, Message, Outgoing, Postponed
from .clock import Clock, timestamp
from .duplex import Closed, Duplex
from .errors import Forbidden, LinkError, TokenExpired, TooLarge, Unacceptable, Unauthorized, Unreachable
from .link import Link
from .verdict import judge
from .wire import ChangesPage, Problem

_PIECE_OPERATIONS: Final = 200
_PIECE_BYTES: Final = 1_000_000
"""Of operations in a frame; with what is around them it stays below 1 MiB."""
_ENVELOPES: Final = 16 * 1024
"""Bytes around the operations of as many frames as may be unanswered."""
_WELCOME_SECONDS: Final = 30.0
_MISSED_HEARTBEATS: Final = 3
_OF_ITS_LIFE: Final = 0.8
"""When a token is renewed; the next one is taken to live as long as this one still did."""


class SocketChannel:
    """`GET /api/sync/ws`."""

    def __init__(self, link: Link, clock: Clock, duplex: Duplex) -> None:
        self._link = link
        self._clock = clock
        self._duplex = duplex
        self._loop = asyncio.get_running_loop()
        self._frames: dict[int, Sequence[Outgoing]] = {}
        self._next = 1
        self._credit = self._consumed = 0
        self._problem: Problem | None = None
        self._said = self._heard = self._loop.time()
        self._heartbeat = _WELCOME_SECONDS
        self._renew_every = self._renew_at = math.inf
        self._limits = Limits(
            piece_operations=_PIECE_OPERATIONS,
            piece_bytes=_PIECE_BYTES,
            operations=_PIECE_OPERATIONS,
            bytes=_PIECE_BYTES,
        )

    @property
    def limits(self) -> Limits:
        """The window of the server's welcome."""
        return self._limits

    async def greet(self, listen: Listen | None) -> None:
        """Say who this is, and hear what the server allows."""
        self._credit = 0 if listen is None else listen.limit
        await self._say(
            wire.Hello(
                device_id=self._link.device_id,
                cursor=None if listen is None else listen.cursor,
                credit=self._credit,
                changes=listen is not None,
            )
        )
        while True:
            match await self._hear():
                case None:
                    raise Unreachable("the server does not welcome this device")
                case wire.Welcome() as welcome:
                    self._settle_in(welcome)
                    return
                case wire.Stopping(problem=problem):
                    self._problem = problem
                case _:
                    raise Unreachable("the server does not begin with a welcome")

    async def send(self, operations: Sequence[Outgoing]) -> None:
        """Returns when the frame is on its way."""
        seq, self._next = self._next, self._next + 1
        self._frames[seq] = operations
        bodies = [msgspec.Raw(operation.body) for operation in operations]
        await self._say(wire.Operations(seq=seq, sent_at=timestamp(self._clock), operations=bodies))

    async def receive(self) -> Message:
        """What the server says; heartbeats are answered, and the token is renewed, on the way."""
        await self._grant()
        while True:
            await self._show_life()
            heard = await self._hear()
            match heard:
                case None:
                    if self._loop.time() - self._heard > _MISSED_HEARTBEATS * self._heartbeat:
                        raise Unreachable("the server is silent")
                case wire.Results():
                    return Answered(self._frame(heard.seq), heard)
                case wire.FrameRefused():
                    return self._postpone(heard)
                case wire.Changes():
                    self._consumed += len(heard.items)
                    return Changed(ChangesPage(items=heard.items, next_cursor=heard.cursor, has_more=heard.has_more))
                case wire.Heartbeat():
                    await self._say(wire.Heartbeat())
                    return Alive()
                case wire.Welcome():
                    self._settle_in(heard)
                case wire.Stopping(problem=problem):
                    self._problem = problem

    async def finish(self) -> None:
        """A WebSocket stays open."""

    async def _hear(self) -> wire.SocketMessage | None:
        """The next message, or None after some seconds without one."""
        heard = await self._duplex.receive(self._heartbeat)
        if heard is None:
            return None
        if isinstance(heard, Closed):
            raise self._farewell(heard)
        self._heard = self._loop.time()
        [frame] = heard
        try:
            return wire.decode_message(frame)
        except msgspec.DecodeError as error:
            raise Unreachable(f"the message is not a sync server's: {error}") from error

    async def _say(
        self, message: wire.Hello | wire.Operations | wire.Credit | wire.FreshToken | wire.Heartbeat
    ) -> None:
        self._said = self._loop.time()
        await self._duplex.send(wire.encode_message(message))

    def _settle_in(self, welcome: wire.Welcome) -> None:
        self._heartbeat = welcome.heartbeat_seconds
        self._limits = Limits(
            piece_operations=min(_PIECE_OPERATIONS, welcome.window.operations),
            piece_bytes=min(_PIECE_BYTES, welcome.window.bytes - _ENVELOPES),
            operations=welcome.window.operations,
            bytes=welcome.window.bytes - _ENVELOPES,
        )
        left = _seconds_between(welcome.server_timestamp, welcome.token_expires_at)
        if left is not None and self._link.renews:
            self._renew_every = left * _OF_ITS_LIFE
            self._renew_at = self._loop.time() + self._renew_every

    async def _show_life(self) -> None:
        now = self._loop.time()
        if now >= self._renew_at:
            self._renew_at = now + self._renew_every
            await self._say(wire.FreshToken(token=await self._link.renew_token()))
        elif now - self._said >= self._heartbeat:
            await self._say(wire.Heartbeat())

    async def _grant(self) -> None:
        """Receiving again says that what came before is stored: half of the credit at a time is given back."""
        if self._consumed and self._consumed * 2 >= self._credit:
            granted, self._consumed = self._consumed, 0
            await self._say(wire.Credit(items=granted))

    def _frame(self, seq: int) -> Sequence[Outgoing]:
        try:
            return self._frames.pop(seq)
        except KeyError:
            raise Unreachable("the server answers what it was not asked") from None

    def _postpone(self, refused: wire.FrameRefused) -> Postponed:
        """Nothing is sent until every frame under way is answered or refused; then again from the first refused."""
        operations = self._frame(refused.seq)
        self._next = min(self._next, refused.seq)
        if refused.problem.code == "earlier_frame_refused":  # a 409 that says nothing against this frame
            return Postponed(operations, Unreachable("an earlier frame was refused"))
        error = judge(refused.problem.status or 503, refused.problem)
        if not isinstance(error, Unreachable):
            raise error
        return Postponed(operations, error)

    def _farewell(self, closed: Closed) -> LinkError:
        """Why the server closed."""
        problem = self._problem or Problem(code=closed.reason or None, title=closed.reason)
        reason = f"the server closed the connection: {problem.detail or problem.title or closed.code}"
        match closed.code:
            case 4401 if self._link.renews:
                self._link.drop_token()
                return TokenExpired(reason)
            case 4401:
                return Unauthorized(reason, code=problem.code)
            case 4403:
                return Forbidden(reason, code=problem.code)
            case 4400:
                return Unacceptable(reason, code=problem.code)
            case 1009:
                return TooLarge(reason)
            case _:
                return Unreachable(reason, retry_after=problem.retry_after)


@contextlib.asynccontextmanager
async def open_socket(link: Link, clock: Clock, listen: Listen | None) -> AsyncIterator[SocketChannel]:
    """Connects, and says hello."""
    duplex = await link.open_socket()
    try:
        channel = SocketChannel(link, clock, duplex)
        await channel.greet(listen)
        yield channel
    finally:
        await duplex.close()


def _seconds_between(now: str | None, then: str | None) -> float | None:
    """Both by the server's clock: the device's may be wrong."""
    if now is None or then is None:
        return None
    try:
        return (dt.datetime.fromisoformat(then) - dt.datetime.fromisoformat(now)).total_seconds()
    except (ValueError, TypeError):
        return None
