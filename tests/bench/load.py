"""A load over HTTP/1.1 that costs little itself: bodies made beforehand, raw streams, status and length read only."""

import asyncio
import time
from urllib.parse import urlsplit

from . import workload


class Load:
    """Connections that each send one batch after the other for a time."""

    def __init__(self, url: str, token: str) -> None:
        address = urlsplit(url)
        self._host, self._port, self._token = address.hostname or "", address.port or 80, token
        self._next: dict[str, int] = {}

    async def run(self, connections: int, seconds: float, *, batches: int = 400) -> tuple[float, list[float]]:
        """Acknowledged operations a second, and the latency of each request in seconds."""
        names = [f"{connections}-{number}" for number in range(connections)]
        requests = {name: self._prepare(name, max(4, batches * 8 // connections)) for name in names}
        latencies: list[float] = []
        started = time.perf_counter()
        counts = await asyncio.gather(
            *(self._speak(name, requests[name], started + seconds, latencies) for name in names)
        )
        return sum(counts) * workload.SIZE / (time.perf_counter() - started), latencies

    def _prepare(self, name: str, batches: int) -> list[bytes]:
        first = self._next.get(name, 0)
        return [self._request(name, batch) for batch in range(first, first + batches)]

    def _request(self, name: str, batch: int) -> bytes:
        body = workload.body(name, batch)
        head = (
            f"POST /api/sync HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._token}\r\n"
            f"X-Device-ID: {workload.device_of(name, batch)}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def _speak(self, name: str, requests: list[bytes], until: float, latencies: list[float]) -> int:
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=1 << 20)
        done = 0
        try:
            for request in requests:
                sent_at = time.perf_counter()
                if sent_at > until:
                    break
                writer.write(request)
                await _read_answer(reader)
                latencies.append(time.perf_counter() - sent_at)
                done += 1
        finally:
            writer.close()
        self._next[name] = self._next.get(name, 0) + done
        return done


async def _read_answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    lowered = head.lower()
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the server answered {head.splitlines()[0]!r}")
    at = lowered.index(b"content-length:") + len(b"content-length:")
    body = await reader.readexactly(int(lowered[at : lowered.index(b"\r\n", at)]))
    if b'"errors":[]' not in body:
        raise RuntimeError(f"the server refused operations: {body[:500]!r}")
