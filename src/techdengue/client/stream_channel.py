"""The channel of one long request: operations as lines, answers as lines while it goes on."""

import asyncio
import contextlib
import zlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from .channel import Answered, Limits, Listen, Message, Outgoing
from .clock import Clock, timestamp
from .duplex import Closed, Duplex
from .errors import LinkError, TokenExpired, Unauthorized, Unreachable
from .inbox import Inbox
from .link import PACK_ABOVE, Link
from .polling import poll
from .stream_wire import LineEnd, LineProblem, OperationLine, decode_line, gather
from .verdict import judge

SILENCE_SECONDS: Final = 60.0
"""How long the server may say nothing while operations are unanswered."""
_LIMITS: Final = Limits(piece_operations=200, piece_bytes=256 * 1024, operations=1000, bytes=4 * 1024 * 1024)
_GZIP: Final = 16 + zlib.MAX_WBITS


class StreamChannel:
    """`POST /api/sync/stream`, begun when there is something to send and ended when there is nothing more."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._duplex: Duplex | None = None
        self._packer: _Packer = _Packer(packs=False)
        self._unanswered: deque[Outgoing] = deque()
        self._answered = 0
        self._begun: asyncio.Queue[Duplex] = asyncio.Queue(maxsize=1)
        self._ended = asyncio.Event()
        self.inbox = Inbox()

    @property
    def limits(self) -> Limits:
        """The server's memory is bounded by itself; this bounds the device's."""
        return _LIMITS

    async def send(self, operations: Sequence[Outgoing]) -> None:
        """Returns when the lines are on their way."""
        lines = b"".join([operation.body + b"\n" for operation in operations])
        self._unanswered.extend(operations)
        if self._duplex is None:
            await self._begin(lines)
        else:
            await self._duplex.send(self._packer.pack(lines))

    async def receive(self) -> Message:
        """Answers as they come, or changes."""
        return await self.inbox.take()

    async def finish(self) -> None:
        """End the request, and see its last line."""
        if self._duplex is not None:
            await self._duplex.send(self._packer.rest())
            await self._duplex.end()
            await self._ended.wait()

    async def read(self) -> None:
        """Put answers into the inbox, without end. Raises LinkError."""
        while True:
            duplex = await self._begun.get()
            while not self._ended.is_set():
                match await duplex.receive(SILENCE_SECONDS):
                    case None:
                        raise Unreachable("the server says nothing")
                    case Closed():
                        raise Unreachable("the stream was cut")
                    case lines:
                        await self._take(lines)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._duplex is not None:
            await self._duplex.close()
            self._duplex = None

    async def _begin(self, lines: bytes) -> None:
        self._packer = _Packer(packs=len(lines) > PACK_ABOVE)
        self._answered = 0
        self._ended.clear()
        first = self._packer.pack(lines)
        self._duplex = await self._link.open_stream(first, sent_at=timestamp(self._clock), packed=self._packer.packs)
        await self._begun.put(self._duplex)

    async def _take(self, lines: Sequence[bytes]) -> None:
        answers: list[OperationLine] = []
        for line in lines:
            match _decode(line):
                case LineEnd():
                    await self._answer(answers)
                    await self._end()
                    return
                case LineProblem() as problem:
                    await self._answer(answers)
                    raise self._judge(problem)
                case answer:
                    answers.append(answer)
        await self._answer(answers)

    async def _answer(self, answers: list[OperationLine]) -> None:
        if not answers:
            return
        expected = range(self._answered, self._answered + len(answers))
        if [answer.index for answer in answers] != list(expected) or len(answers) > len(self._unanswered):
            raise Unreachable("the server answers what it was not asked")
        first, self._answered = self._answered, expected.stop
        operations = [self._unanswered.popleft() for _ in answers]
        await self.inbox.put(Answered(operations, gather(answers, first)))

    async def _end(self) -> None:
        """The request is over; the connection can carry another."""
        if self._unanswered:
            raise Unreachable("the server ended before it had answered everything")
        if self._duplex is not None:
            await self._duplex.receive(SILENCE_SECONDS)  # the end of the answer, after which nothing comes
        await self.close()
        self._ended.set()

    def _judge(self, problem: LineProblem) -> LinkError:
        error = judge(problem.status or 503, problem)
        if isinstance(error, Unauthorized) and self._link.renews:
            self._link.drop_token()
            return TokenExpired(str(error))
        return error


class _Packer:
    """Packs lines so that each piece can be unpacked when it arrives."""

    def __init__(self, *, packs: bool) -> None:
        self.packs = packs
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, _GZIP)

    def pack(self, lines: bytes) -> bytes:
        """The lines as they travel."""
        if not self.packs:
            return lines
        return self._deflate.compress(lines) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def rest(self) -> bytes:
        """What ends the packing."""
        return self._deflate.flush(zlib.Z_FINISH) if self.packs else b""


@contextlib.asynccontextmanager
async def open_stream(link: Link, clock: Clock, listen: Listen | None) -> AsyncIterator[StreamChannel]:
    """Nothing is sent until there is something to send; changes are polled beside it."""
    channel = StreamChannel(link, clock)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(channel.close)
        await stack.enter_async_context(channel.inbox.filled_by(channel.read()))
        if listen is not None:
            await stack.enter_async_context(channel.inbox.filled_by(poll(link, listen, channel.inbox)))
        yield channel


def _decode(line: bytes) -> OperationLine | LineEnd | LineProblem:
    try:
        return decode_line(line)
    except msgspec.DecodeError as error:
        raise Unreachable(f"the answer is not a sync server's: {error}") from error
