"""A load over HTTP/1.1 that costs little itself: bodies made beforehand, one write and one search a batch.

It shares the machine's cores with what it measures, so it also tells what it cost.
"""

import asyncio
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from . import workload

_FASTEST = 16_000
"""Operations a second for which bodies are prepared."""
_DEADLINE = 60.0


class Turn(msgspec.Struct, frozen=True):
    """What one turn under load came to."""

    operations: int
    seconds: float
    latencies: tuple[float, ...]
    """Of each request, in seconds."""
    cost: float
    """Processor seconds of the load itself."""

    @property
    def rate(self) -> float:
        """Acknowledged operations a second."""
        return self.operations / self.seconds

    @property
    def cost_of_one(self) -> float:
        """Processor time of the load for one operation, in µs."""
        return self.cost / max(1, self.operations) * 1e6


class Load:
    """Connections that each send one batch after the other for a time."""

    def __init__(self, url: str, token: str, name: str = "") -> None:
        """`name` sets its devices and entities apart from another load's on the same database."""
        address = urlsplit(url)
        self._host, self._port, self._token, self._name = address.hostname or "", address.port or 80, token, name
        self._next: dict[str, int] = {}

    async def run(self, connections: int, seconds: float) -> Turn:
        """One turn; the first one of a connection sends its opening before the clock starts."""
        names = [f"{self._name}{connections}-{number}" for number in range(connections)]
        await self._open(names)
        each = int(_FASTEST * seconds / workload.SIZE / connections) + 2
        prepared = {name: self._prepare(name, each) for name in names}
        talks = [await self.connect() for _ in names]
        latencies: list[float] = []
        cost, started = time.process_time(), time.perf_counter()
        try:
            async with asyncio.timeout(seconds + _DEADLINE), asyncio.TaskGroup() as group:
                for name, talk in zip(names, talks, strict=True):
                    group.create_task(self._speak(name, talk, prepared[name], started + seconds, latencies))
            ended, cost = time.perf_counter(), time.process_time() - cost
        finally:
            for talk in talks:
                talk.close()
        return Turn(len(latencies) * workload.SIZE, ended - started, tuple(latencies), cost)

    async def _open(self, names: Sequence[str]) -> None:
        new = [name for name in names if name not in self._next]
        for name in new:
            talk = await self.connect()
            await self._speak(name, talk, self._prepare(name, workload.OPENING), float("inf"), [])
            talk.close()

    def _prepare(self, name: str, batches: int) -> list[bytes]:
        first = self._next.get(name, 0)
        return [
            self.request(workload.device_of(name, batch), workload.body(name, batch))
            for batch in range(first, first + batches)
        ]

    def request(self, device: str, body: bytes) -> bytes:
        """The bytes of a request."""
        head = (
            f"POST /api/sync HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._token}\r\n"
            f"X-Device-ID: {device}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def connect(self) -> "Talk":
        """Another connection."""
        return await connect(self._host, self._port)

    async def _speak(
        self, name: str, talk: "Talk", requests: Sequence[bytes], until: float, latencies: list[float]
    ) -> None:
        done = 0
        try:
            for request in requests:
                sent_at = time.perf_counter()
                if sent_at > until:
                    break
                check_answer(await talk.ask(request))
                latencies.append(time.perf_counter() - sent_at)
                done += 1
        finally:
            self._next[name] = self._next.get(name, 0) + done


class Talk(asyncio.Protocol):
    """One connection: a request goes out, its answer comes back whole."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._came: list[bytes] = []
        self._missing = -1

    async def ask(self, request: bytes) -> bytes:
        """The answer's bytes, head and body."""
        if self._transport is None:
            raise ConnectionError("the connection is not open")
        self._came, self._missing = [], -1
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    @property
    def closed(self) -> bool:
        """Whether either side has hung up: a server does on whoever is silent for long."""
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = transport  # type: ignore[assignment]  # a TCP connection's is a Transport

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._came.append(data)
        if self._missing < 0:
            data = b"".join(self._came)
            self._came = [data]
            end = data.find(b"\r\n\r\n")
            if end < 0:
                return
            self._missing = end + 4 + _length(data[:end]) - len(data)
        else:
            self._missing -= len(data)
        if self._missing <= 0 and self._answer is not None and not self._answer.done():
            self._answer.set_result(b"".join(self._came))


async def connect(host: str, port: int) -> Talk:
    """An open connection."""
    _, talk = await asyncio.get_running_loop().create_connection(Talk, host, port)
    return talk


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.index(b"content-length:") + len(b"content-length:")
    end = lowered.find(b"\r\n", at)
    return int(lowered[at:] if end < 0 else lowered[at:end])


def check_answer(answer: bytes) -> None:
    """Raises RuntimeError unless every operation was taken."""
    if not answer.startswith(b"HTTP/1.1 200") or b'"errors":[]' not in answer:
        raise RuntimeError(f"the server answered {answer[:700]!r}")
