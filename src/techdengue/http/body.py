"""Reads a request's body: as it streams in, unpacked, and never more than the caps allow.

A gzip bomb is refused at the byte where it passes a cap, before it is in memory.
"""

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import msgspec
import zstandard

from .problems import Problem

_RATIO_GRACE_BYTES = 64 * 1024
"""Short texts may repeat themselves a lot: the ratio counts only beyond this size."""
_ZSTD_WINDOW_LOG = 23
"""8 MiB: the largest window that RFC 9659 lets a content encoding use."""
_STEP = 256 * 1024
_BYTES_A_PART = 16 * 1024
"""Of a body without end: a new part is no waste where the ones before brought so much."""
_MOST_PARTS = 64
"""gzip members or zstd frames of one body: each costs a window's memory and time, even where it holds nothing."""


class Caps(msgspec.Struct, frozen=True):
    """The most bytes of a body once unpacked, and the largest ratio of unpacked to packed."""

    unpacked_bytes: int
    inflation: int


class _Inflater(Protocol):
    def feed(self, packed: bytes, room: int) -> bytes:
        """Unpack; may stop early once it has more than `room` bytes."""

    step: int
    """As many packed bytes as unpack to some 4 MiB at most."""
    parts: int
    """Members or frames begun."""

    @property
    def complete(self) -> bool:
        """Whether the packed stream came to its proper end."""


async def read_body(chunks: AsyncIterator[bytes], encoding: str, declared: str | None, caps: Caps) -> bytes:
    """The unpacked body. `declared` is Content-Length, if any. Raises Problem: 400, 413 or 415."""
    if declared is not None and declared.isdigit() and int(declared) > caps.unpacked_bytes:
        raise _too_large(caps)
    inflater = _inflater(encoding)
    return await (_read_plain(chunks, caps) if inflater is None else _read_packed(chunks, inflater, caps))


def unpacker(encoding: str, inflation: int) -> "Unpacker":
    """What unpacks a body of any length, piece by piece. Raises Problem 415."""
    return Unpacker(_inflater(encoding), inflation)


class Unpacker:
    """Unpacks as it comes: a body may be endless, its ratio of unpacked to packed may not."""

    def __init__(self, inflater: _Inflater | None, inflation: int) -> None:
        self._inflater = inflater
        self._inflation = inflation
        self._packed = self._unpacked = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The next of it, in pieces of bounded size. Raises Problem 400 or 413."""
        if self._inflater is None:
            yield chunk
            return
        step = self._inflater.step
        for start in range(0, len(chunk), step):
            part = chunk[start : start + step]
            self._packed += len(part)
            try:
                unpacked = self._inflater.feed(part, self._packed * self._inflation + _RATIO_GRACE_BYTES)
            except (zlib.error, zstandard.ZstdError) as error:
                raise _mispacked() from error
            self._unpacked += len(unpacked)
            if self._unpacked > _RATIO_GRACE_BYTES and self._unpacked > self._packed * self._inflation:
                raise _inflated(self._inflation)
            if self._inflater.parts > _MOST_PARTS + self._unpacked // _BYTES_A_PART:
                raise _too_many_parts()
            yield unpacked

    def finish(self) -> None:
        """The body has ended. Raises Problem 400 where it is not complete."""
        if self._inflater is not None and self._packed and not self._inflater.complete:
            raise _cut_short()


def _inflater(encoding: str) -> _Inflater | None:
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return _Gzip()
        case "zstd":
            return _Zstd()
        case _:
            raise Problem(
                "unsupported_encoding",
                "The Content-Encoding is none of identity, gzip and zstd",
                headers={"accept-encoding": "gzip, zstd, identity"},
            )


async def _read_plain(chunks: AsyncIterator[bytes], caps: Caps) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > caps.unpacked_bytes:
            raise _too_large(caps)
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _read_packed(chunks: AsyncIterator[bytes], inflater: _Inflater, caps: Caps) -> bytes:
    unpacked = bytearray()
    packed = 0
    async for chunk in chunks:
        packed += len(chunk)
        if packed > caps.unpacked_bytes:
            raise _too_large(caps)
        for start in range(0, len(chunk), _STEP):
            part = chunk[start : start + _STEP]
            try:
                unpacked += inflater.feed(part, caps.unpacked_bytes - len(unpacked))
            except (zlib.error, zstandard.ZstdError) as error:
                raise _mispacked() from error
            _check(len(unpacked), packed, caps)
            if inflater.parts > _MOST_PARTS:
                raise _too_many_parts()
    if not inflater.complete:
        raise _cut_short()
    return bytes(unpacked)


def _check(unpacked: int, packed: int, caps: Caps) -> None:
    if unpacked > caps.unpacked_bytes:
        raise _too_large(caps)
    if unpacked > _RATIO_GRACE_BYTES and unpacked > packed * caps.inflation:
        raise _inflated(caps.inflation)


def _mispacked() -> Problem:
    return Problem("malformed_body", "The body is not what Content-Encoding says")


def _cut_short() -> Problem:
    return Problem("malformed_body", "The packed body ends before its end")


def _too_many_parts() -> Problem:
    return Problem("body_too_large", f"The body is packed in more than {_MOST_PARTS} parts")


def _inflated(inflation: int) -> Problem:
    return Problem("body_too_large", f"The body unpacks to more than {inflation} times its size")


def _too_large(caps: Caps) -> Problem:
    return Problem("body_too_large", f"The body has more than {caps.unpacked_bytes} bytes once unpacked")


class _Gzip:
    """RFC 1952: one or more members."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self.step = 4096
        self.parts = 0

    def feed(self, packed: bytes, room: int) -> bytes:
        """See _Inflater."""
        out = b""
        while packed and len(out) <= room and self.parts <= _MOST_PARTS:
            if self.parts == 0 or self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
                self.parts += 1
            out += self._member.decompress(packed, room + 1 - len(out))
            packed = self._member.unused_data or self._member.unconsumed_tail
        return out

    @property
    def complete(self) -> bool:
        return self.parts > 0 and self._member.eof


class _Zstd:
    """RFC 8878: one or more frames. A step of input is small, so that what it unpacks to stays bounded."""

    _SLICE = 128

    def __init__(self) -> None:
        self._frames = zstandard.ZstdDecompressor(max_window_size=1 << _ZSTD_WINDOW_LOG)
        self._frame = self._frames.decompressobj(write_size=_STEP)
        self.step = self._SLICE
        self.parts = 0

    def feed(self, packed: bytes, room: int) -> bytes:
        """See _Inflater."""
        out = bytearray()
        for start in range(0, len(packed), self._SLICE):
            rest = packed[start : start + self._SLICE]
            while rest and self.parts <= _MOST_PARTS:
                if self.parts == 0 or self._frame.eof:
                    self._frame = self._frames.decompressobj(write_size=_STEP)
                    self.parts += 1
                out += self._frame.decompress(rest)
                rest = self._frame.unused_data
            if len(out) > room:
                break
        return bytes(out)

    @property
    def complete(self) -> bool:
        return self.parts > 0 and self._frame.eof
