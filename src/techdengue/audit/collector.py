"""A connection to the syslog collector, over TCP or TLS, and what is known of what it has received.

Syslog has no acknowledgement, and what TCP acknowledges is that a machine has it, not that a collector has read it. But
a socket that is closed with bytes in it that nobody read resets its connection: so where we end our side, and the other
one ends in order too, the collector has read everything.
"""

import array
import asyncio
import contextlib
import fcntl
import socket
import ssl
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from techdengue.settings import Settings, SettingsError

from .errors import CollectorLost

_KEEP_ALIVE: Final = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""A collector's machine that has gone is known after 35 s though nothing is sent."""
_UNACKNOWLEDGED_MILLISECONDS: Final = 20_000
_LOOK_SECONDS: Final = 0.01


class Address(msgspec.Struct, frozen=True):
    """Where the collector is. `tls` verifies it; None is plain TCP."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


def read_address(settings: Settings) -> Address | None:
    """The collector of the settings; None where they name none. Raises SettingsError."""
    if not settings.syslog_url:
        return None
    try:
        url = urlsplit(settings.syslog_url)
        host, port = url.hostname, url.port
    except ValueError as error:
        raise SettingsError(_NO_ADDRESS) from error
    if url.scheme not in {"tcp", "tls"} or not host or not port or url.path not in {"", "/"}:
        raise SettingsError(_NO_ADDRESS)
    return Address(host, port, _context(settings) if url.scheme == "tls" else None)


_NO_ADDRESS: Final = "TECHDENGUE_SYSLOG_URL is no address of a collector, such as tls://collector.example:6514"


def _context(settings: Settings) -> ssl.SSLContext:
    """Verifies the collector by its name and the authorities of the file, or of the machine; names us if asked."""
    for variable, file in (("CA", settings.syslog_ca_file), ("CERTIFICATE", settings.syslog_certificate_file)):
        if file and not Path(file).is_file():
            raise SettingsError(f"TECHDENGUE_SYSLOG_{variable}_FILE cannot be used: there is no such file")
    try:
        context = ssl.create_default_context(cafile=settings.syslog_ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.syslog_certificate_file:
            context.load_cert_chain(settings.syslog_certificate_file)
    except (ssl.SSLError, OSError) as error:
        raise SettingsError("TECHDENGUE_SYSLOG_CA_FILE or …_CERTIFICATE_FILE holds no PEM of that kind") from error
    return context


class Collector:
    """An open connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        self._reader = reader
        self._writer = writer
        self._seconds = seconds
        self._listening: asyncio.Task[None]

    async def send(self, message: bytes) -> None:
        """Hand over so many bytes. Raises CollectorLost, also where the collector does not read."""
        await self.stays(0)
        try:
            self._writer.write(message)
            async with asyncio.timeout(self._seconds):
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise CollectorLost(type(error).__name__) from error

    async def stays(self, seconds: float) -> None:
        """Answers after so long. Raises CollectorLost as soon as the collector has closed the connection."""
        if seconds and not self._listening.done():
            await asyncio.wait({self._listening}, timeout=seconds)
        if self._listening.done():
            raise CollectorLost("ConnectionClosed")

    async def finish(self) -> None:
        """End the connection in order; everything that was sent has been read then. Raises CollectorLost if not."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._acknowledged()
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                    await asyncio.shield(self._listening)
                else:  # TLS ends both ways at once: by its own farewell, which is answered after what was before it
                    self._writer.close()
                    await self._writer.wait_closed()
        except (OSError, TimeoutError) as error:
            raise CollectorLost(type(error).__name__) from error

    async def _acknowledged(self) -> None:
        """Until the other machine has every byte, while its collector is there: one that had ended before would have
        had the rest refused, and its end would say nothing of it. Raises CollectorLost."""
        while self._unacknowledged():
            await self.stays(_LOOK_SECONDS)
        await self.stays(_LOOK_SECONDS)  # an end that was there before is heard of meanwhile

    def _unacknowledged(self) -> int:
        transport: Any = self._writer.transport
        return int(transport.get_write_buffer_size()) + _queued(transport.get_extra_info("socket"))

    async def _listen(self) -> None:
        """A collector says nothing: what comes is its end. Raises OSError where that is not in order."""
        while await self._reader.read(4096):
            pass

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hears of the end for as long as the block, and closes then."""
        self._listening = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            self._listening.cancel()
            await asyncio.wait({self._listening})
            self._writer.transport.abort()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()


@contextlib.asynccontextmanager
async def connected(address: Address, *, seconds: float) -> AsyncIterator[Collector]:
    """A connection for as long as the block. Raises CollectorLost, also where its certificate is not acceptable."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                address.host, address.port, ssl=address.tls, server_hostname=address.host if address.tls else None
            )
    except (OSError, TimeoutError) as error:
        raise CollectorLost(type(error).__name__) from error
    _keep_alive(writer.get_extra_info("socket"))
    collector = Collector(reader, writer, seconds)
    async with collector.listening():
        yield collector


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MILLISECONDS)


def _queued(connection: socket.socket) -> int:
    """Bytes that the kernel holds for the other side to acknowledge; where the system cannot say, 0."""
    if sys.platform != "linux" or connection.fileno() < 0:
        return 0
    count = array.array("i", [0])
    fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, count)
    return count[0]
