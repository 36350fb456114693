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
    """One client's connection and token."""

    def __init__(self, talk: Talk, token: str, *, packed: bool = False) -> None:
        self._talk, self._token, self._packed = talk, token, packed

    async def get(self, path: str) -> bytes:
        """The body of an answer of 200, unpacked. Raises RuntimeError for another one."""
        packing = "Accept-Encoding: gzip\r\n" if self._packed else ""
        request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._token}\r\n{packing}\r\n"
        answer = await self._talk.ask(request.encode())
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
        started = time.perf_counter()
        await self.get(path)
        return time.perf_counter() - started

    def close(self) -> None:
        """Hang up."""
        self._talk.close()


async def fetching(url: str, token: str, *, packed: bool = False) -> Fetching:
    """Connect."""
    address = urlsplit(url)
    return Fetching(await connect(address.hostname or "", address.port or 80), token, packed=packed)
