"""A wire to a real S3 server that passes everything on, or answers 503, hangs or resets, as a test says."""

import asyncio
import contextlib
import enum
import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import msgspec

from techdengue.dev.ports import LOOPBACK
from techdengue.dev.seaweedfs import S3Address

_UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/xml\r\ncontent-length: 73\r\n"
    b"connection: close\r\n\r\n"
    b"<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>\n"
)
_REQUEST = re.compile(rb"[A-Z]+ /")


class Fault(enum.Enum):
    """What the wire does with the next bytes of a client."""

    NONE = "pass them on"
    UNAVAILABLE = "answer 503"
    HANG = "say nothing"
    RESET = "close the connection"


class FaultyWire:
    """Listens on a port of its own. `heals_after` faults it passes everything on by itself."""

    def __init__(self, address: S3Address, port: int) -> None:
        self.address = msgspec.structs.replace(address, endpoint_url=f"http://{LOOPBACK}:{port}")
        self.fault = Fault.NONE
        self.heals_after: int | None = None
        self.met = 0
        """Faults so far."""
        self.hung = asyncio.Event()
        """Set when something hangs."""
        self._passes: int | None = None

    def hang_after(self, requests: int) -> None:
        """Pass so many requests on, and then say nothing any more. A request with a body counts once."""
        self.hung.clear()
        self._passes = requests

    def heal(self) -> None:
        """Pass everything on."""
        self.fault, self._passes = Fault.NONE, None

    def strike(self, sent: bytes) -> Fault:
        """The fault that the next bytes meet."""
        if self._passes is not None and _REQUEST.match(sent):
            if self._passes == 0:
                self.fault = Fault.HANG
            self._passes = max(0, self._passes - 1)
        if self.heals_after is not None and self.met >= self.heals_after:
            self.fault = Fault.NONE
        if self.fault is not Fault.NONE:
            self.met += 1
        return self.fault


@contextlib.asynccontextmanager
async def faulty_wire(address: S3Address) -> AsyncIterator[FaultyWire]:
    """A wire in front of that server, for as long as the context."""
    upstream = urlsplit(address.endpoint_url).port
    ended = asyncio.Event()
    wire: FaultyWire

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(LOOPBACK, upstream)
        back = asyncio.create_task(_pipe(server_reader, writer))
        try:
            while sent := await reader.read(65_536):
                match wire.strike(sent):
                    case Fault.NONE:
                        server_writer.write(sent)
                        await server_writer.drain()
                    case Fault.UNAVAILABLE:
                        writer.write(_UNAVAILABLE)
                        await writer.drain()
                        return
                    case Fault.HANG:
                        wire.hung.set()
                        await ended.wait()
                        return
                    case Fault.RESET:
                        writer.transport.abort()
                        return
        except ConnectionError:
            pass  # the client has gone: so does its connection
        finally:
            back.cancel()
            for end in (writer, server_writer):
                end.close()

    listening = await asyncio.start_server(serve, LOOPBACK, 0)
    wire = FaultyWire(address, listening.sockets[0].getsockname()[1])
    try:
        yield wire
    finally:
        ended.set()
        listening.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while answered := await reader.read(65_536):
            writer.write(answered)
            await writer.drain()
        writer.close()
