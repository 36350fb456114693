"""Reads over one kept connection, as bytes."""

import gzip
import time
from urllib.parse import urlsplit

import msgspec

from .load import Talk, connect


class PageEnd(msgspec.Struct):
    """What a page says about the next one."""

    next_cursor: str | None = None
    has_more: bool = False


class Fetching:
    """One client's connection and token; it connects anew where the server has hung up."""

    def __init__(self, url: str, token: str, *, packed: bool = False) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._token, self._packed = token, packed
        self._talk: Talk | None = None

    async def connect(self) -> None:
        """Connect unless it is connected."""
        if self._talk is None or self._talk.closed:
            self._talk = await connect(self._host, self._port)

    async def get(self, path: str) -> bytes:
        """The body of an answer of 200, unpacked. Raises RuntimeError for another one."""
        packing = "Accept-Encoding: gzip\r\n" if self._packed else ""
        request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._token}\r\n{packing}\r\n"
        await self.connect()
        answer = await self._talk.ask(request.encode())  # type: ignore[union-attr]  # connected just now
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{path}: the server answered {answer[:700]!r}")
        if self._packed:
            if b"content-encoding: gzip" not in head.lower():
                raise RuntimeError(f"{path}: the answer is not packed")
            return gzip.decompress(body)
        return body

    async def seconds(self, path: str) -> float:
        """How long an answer takes."""
        await self.connect()
        started = time.perf_counter()
        await self.get(path)
        return time.perf_counter() - started

    def close(self) -> None:
        """Hang up."""
        if self._talk is not None:
            self._talk.close()
