"""Teaches schemathesis MessagePack, NDJSON and files."""

from typing import Any

import msgspec
import schemathesis


@schemathesis.serializer("application/msgpack")
def pack(_context: Any, value: Any) -> bytes:
    """The bytes of a generated body; what MessagePack cannot say is sent as nil."""
    try:
        return msgspec.msgpack.encode(value)
    except (TypeError, OverflowError, UnicodeEncodeError):
        return msgspec.msgpack.encode(None)


@schemathesis.deserializer("application/msgpack")
def unpack(_context: Any, response: Any) -> Any:
    """The value of an answer."""
    return msgspec.msgpack.decode(response.content)


@schemathesis.serializer("application/x-ndjson")
def write_lines(_context: Any, value: Any) -> bytes:
    """The bytes of generated lines."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else msgspec.json.encode(value)


@schemathesis.serializer("application/pdf")
def write_file(_context: Any, value: Any) -> bytes:
    """The bytes of a generated file."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
