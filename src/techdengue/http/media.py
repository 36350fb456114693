"""What a request asks to get back, and the bytes that it gets: JSON, MessagePack or NDJSON, plain, gzip or zstd."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import zstandard
from isal import isal_zlib
from litestar.response.base import ASGIResponse

from .problems import Problem

JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"
NDJSON: Final = "application/x-ndjson"
ANYTHING: Final = ("*/*",)
EVENT_STREAM: Final = "text/event-stream"
HTML: Final = "text/html"

_MSGPACK_NAMES = frozenset({MSGPACK, "application/x-msgpack", "application/vnd.msgpack"})
_COMPRESSED_FROM_BYTES = 1024
_IN_A_THREAD_FROM_BYTES = 1024 * 1024
"""Packing takes 0.3 ms for so many; below that a thread costs others more than it spares them."""
_ZSTD_LEVEL = 3
_LONGEST_SHOWN = 100
_GZIP_LEVEL = 1

_json = msgspec.json.Encoder()


def body_media_type(content_type: str) -> str:
    """JSON or MSGPACK, by Content-Type; no header means JSON. Raises Problem 415."""
    name = content_type.partition(";")[0].strip().lower()
    if name in {"", JSON}:
        return JSON
    if name in _MSGPACK_NAMES:
        return MSGPACK
    raise Problem(
        "unsupported_media_type",
        f"{name[:_LONGEST_SHOWN]} is not {JSON} or {MSGPACK}",
        headers={"accept": f"{JSON}, {MSGPACK}"},
    )


def check_lines(content_type: str) -> None:
    """Let NDJSON pass, and what says nothing. Raises Problem 415."""
    name = content_type.partition(";")[0].strip().lower()
    if name not in {"", NDJSON, "application/ndjson"}:
        raise Problem("unsupported_media_type", f"{name[:_LONGEST_SHOWN]} is not {NDJSON}", headers={"accept": NDJSON})


def choose(accept: str, offered: tuple[str, ...] = (JSON, MSGPACK)) -> str:
    """The offered media type that the Accept header likes best; the first where it says nothing. Raises Problem 406.

    `*/*` offers whatever is asked for.
    """
    if not accept or accept == "*/*" or offered == ANYTHING:
        return offered[0]
    ranges = list(_weighted(accept))
    best = max(offered, key=lambda name: _weight(name, ranges))
    if _weight(best, ranges) <= 0:
        raise Problem("not_acceptable", f"The answer comes as {', '.join(offered)}")
    return best


def prefers_page(accept: str) -> bool:
    """Whether the Accept header likes HTML better than JSON: a person's browser asks."""
    ranges = list(_weighted(accept))
    return _weight(HTML, ranges) > _weight(JSON, ranges)


def encode(value: Any, media_type: str) -> bytes:
    """The bytes of an answer. MessagePack goes by way of JSON, because documents are kept as JSON bytes."""
    raw = _json.encode(value)
    return raw if media_type == JSON else msgspec.msgpack.encode(msgspec.json.decode(raw))


def encode_lines(items: Iterable[Any]) -> bytes:
    """NDJSON: one object a line."""
    return _json.encode_lines(list(items))


class Answer(ASGIResponse):
    """An answer that is complete already: it costs the framework's general one nothing but its name."""

    __slots__ = ("_raw_headers",)

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status_code = status
        self.body = body
        self._raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self._raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


async def respond(
    body: bytes,
    media_type: str,
    accept_encoding: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> ASGIResponse:
    """An answer of these bytes, packed where the client takes that and it is worth it."""
    named = {
        "content-type": f"{media_type}; charset=utf-8" if media_type == HTML else media_type,
        "cache-control": "no-store",
        "vary": "accept, accept-encoding",
        **(headers or {}),
    }
    if len(body) >= _COMPRESSED_FROM_BYTES and (coding := _coding(accept_encoding)):
        named["content-encoding"] = coding
        if len(body) >= _IN_A_THREAD_FROM_BYTES:
            body = await asyncio.to_thread(_pack, body, coding)
        else:
            body = _pack(body, coding)
    named["content-length"] = str(len(body))
    return Answer(status, named, body)


def _pack(body: bytes, coding: str) -> bytes:
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body)
    return isal_zlib.compress(body, _GZIP_LEVEL, wbits=31)


def _coding(accept_encoding: str) -> str | None:
    if not accept_encoding:
        return None
    weights = dict(_weighted(accept_encoding))
    anything = weights.get("*", 0.0)
    zstd, gzip = weights.get("zstd", anything), weights.get("gzip", anything)
    if max(zstd, gzip) <= 0:
        return None
    return "zstd" if zstd >= gzip else "gzip"


def _weighted(header: str) -> Iterable[tuple[str, float]]:
    """(name, q) of each element of an Accept or Accept-Encoding header (RFC 9110, 12.4.2)."""
    for element in header.lower().split(","):
        name, *parameters = (part.strip() for part in element.split(";"))
        if name:
            yield name, _quality(parameters)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _weight(name: str, ranges: list[tuple[str, float]]) -> float:
    """What the most specific matching range says of this media type."""
    names = _MSGPACK_NAMES if name == MSGPACK else {name}
    main = name.partition("/")[0]
    for matching in (names, {f"{main}/*"}, {"*/*", "*"}):
        found = [weight for pattern, weight in ranges if pattern in matching]
        if found:
            return max(found)
    return 0.0
