"""A wire between a server of ours and PostgreSQL that can be cut between any two steps of an append.

It reads the boundaries of the protocol's messages (a type byte, a length) and which prepared statement a Bind is of;
it understands nothing else. https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
import contextlib
import enum
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from techdengue.dev.ports import LOOPBACK
from techdengue.intake.statements import APPEND, READ

from .listening import listening

_LARGEST: Final = 256 * 1024 * 1024
_SSL_REQUEST: Final = 80_877_103
_PARSE, _BIND, _SYNC = b"P", b"B", b"S"
_BACKEND_KEY, _READY = b"K", b"Z"


class Step(enum.Enum):
    """Where in the way of one append the wire is cut."""

    BEFORE_READ = "before the read"
    AFTER_READ = "after the read's answer"
    BEFORE_APPEND = "before the append"
    IN_APPEND = "in the middle of the append's message"
    APPEND_SENT = "after the append was sent, before its answer"
    COMMITTED = "after the commit, before its answer was passed on"
    IN_ANSWER = "in the middle of the commit's answer"
    ANSWERED = "after the commit's answer"


class Wire:
    """One connection between a server and a backend."""

    def __init__(self, server: asyncio.StreamWriter, backend: asyncio.StreamWriter) -> None:
        self.server = server
        self.backend = backend
        self.pid = 0
        """Of the backend."""
        self.statements: dict[bytes, str] = {}
        self.current = ""
        """The statement that is being executed: READ, APPEND or nothing of interest."""

    def cut(self) -> None:
        """Let both ends see a reset."""
        self.server.transport.abort()
        self.backend.transport.abort()


Action = Callable[[Wire], Awaitable[None]]


class PostgresProxy:
    """Listens on a port of its own for as long as it is open; `upstream` gives PostgreSQL's port."""

    def __init__(self, upstream: Callable[[], int]) -> None:
        self.port = 0
        self.cuts: Counter[Step] = Counter()
        """What was done, by step."""
        self._upstream = upstream
        self._armed: dict[Step, deque[tuple[Action, asyncio.Future[None]]]] = {step: deque() for step in Step}

    async def strike(self, step: Step, action: Action | None = None) -> None:
        """Wait for the next connection that comes to this step, and cut it there, after `action` if there is one."""
        done = asyncio.get_running_loop().create_future()
        self._armed[step].append((action or _nothing, done))
        await done

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Pass on whatever comes until the block ends."""
        async with listening(self._serve) as self.port:
            yield

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, backend = await asyncio.open_connection(LOOPBACK, self._upstream())
        except OSError:
            writer.transport.abort()
            return
        wire = Wire(writer, backend)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._questions(reader, wire))
                group.create_task(self._answers(answers, wire))
        except* (OSError, EOFError, _Cut):
            pass  # one end went away, by itself or by us: the other is told below
        finally:
            wire.cut()

    async def _questions(self, reader: asyncio.StreamReader, wire: Wire) -> None:
        await _pass_startup(reader, wire.backend)
        while True:
            kind, message = await _read_message(reader)
            if kind == _PARSE:
                name, _, rest = message[5:].partition(b"\0")
                wire.statements[name] = rest.partition(b"\0")[0].decode()
            elif kind == _BIND:
                wire.current = wire.statements.get(message[5:].split(b"\0", 2)[1], "")
                await self._before(wire, message)
            wire.backend.write(message)
            await wire.backend.drain()
            if kind == _SYNC and wire.current == APPEND:
                await self._fire(Step.APPEND_SENT, wire)

    async def _before(self, wire: Wire, message: bytes) -> None:
        if wire.current == READ:
            await self._fire(Step.BEFORE_READ, wire)
        elif wire.current == APPEND:
            await self._fire(Step.BEFORE_APPEND, wire)
            if self._armed[Step.IN_APPEND]:
                wire.backend.write(message[: len(message) // 2])
                await wire.backend.drain()
                await self._fire(Step.IN_APPEND, wire)

    async def _answers(self, reader: asyncio.StreamReader, wire: Wire) -> None:
        held = b""
        first = await _pass_refusal_of_encryption(reader, wire)
        while True:
            kind, message = await _read_message(reader, first)
            first = b""
            if kind == _BACKEND_KEY:
                wire.pid = int.from_bytes(message[5:9])
            if wire.current != APPEND:
                wire.server.write(message)
            else:
                held += message
            if kind != _READY:
                continue
            if wire.current == APPEND:
                await self._answer_append(wire, held)
                held = b""
            await wire.server.drain()
            ended, wire.current = wire.current, ""
            if ended == READ:
                await self._fire(Step.AFTER_READ, wire)
            elif ended == APPEND:
                await self._fire(Step.ANSWERED, wire)

    async def _answer_append(self, wire: Wire, answer: bytes) -> None:
        await self._fire(Step.COMMITTED, wire)
        if self._armed[Step.IN_ANSWER]:
            wire.server.write(answer[: len(answer) // 2])
            await wire.server.drain()
            await self._fire(Step.IN_ANSWER, wire)
        wire.server.write(answer)

    async def _fire(self, step: Step, wire: Wire) -> None:
        """Do what is armed for this step, if anything is; then the wire is cut, and _Cut raised."""
        if not self._armed[step]:
            return
        action, done = self._armed[step].popleft()
        await action(wire)
        wire.cut()
        self.cuts[step] += 1
        if not done.done():
            done.set_result(None)
        raise _Cut


class _Cut(Exception):
    """This wire was cut on purpose."""


async def _nothing(_: Wire) -> None:
    """Cutting is enough."""


async def _read_message(reader: asyncio.StreamReader, kind: bytes = b"") -> tuple[bytes, bytes]:
    """A message's type and all of its bytes."""
    kind = kind or await reader.readexactly(1)
    length = await reader.readexactly(4)
    size = int.from_bytes(length)
    assert 4 <= size <= _LARGEST, "this is not the protocol of PostgreSQL"
    return kind, kind + length + await reader.readexactly(size - 4)


async def _pass_startup(reader: asyncio.StreamReader, backend: asyncio.StreamWriter) -> None:
    """The first messages have no type; a wish for encryption comes before the one that starts."""
    code = _SSL_REQUEST
    while code == _SSL_REQUEST:
        length = await reader.readexactly(4)
        rest = await reader.readexactly(int.from_bytes(length) - 4)
        backend.write(length + rest)
        await backend.drain()
        code = int.from_bytes(rest[:4])


async def _pass_refusal_of_encryption(reader: asyncio.StreamReader, wire: Wire) -> bytes:
    """The first byte of the first message; before it a lone `N` says that nothing is encrypted here."""
    byte = await reader.readexactly(1)
    if byte != b"N":
        return byte
    wire.server.write(byte)
    return b""
