"""Syslog collectors on real sockets: they listen, go away, hang, refuse, and come back on the same port."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.audit.test_syslog import parameters

_PATIENCE = 60.0


class FakeCollector:
    """A collector; what it has read is in `ids`, in order, repeats included."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.ids: list[int] = []
        self.messages: list[str] = []
        self.reading = True
        """Whether it reads what comes; else it only accepts connections."""
        self.leaves_after: int | None = None
        """Drops every connection after so many messages, with whatever it has not read."""
        self.connections = 0

    async def start(self) -> None:
        """Listen, on the port of the last time."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls, limit=4096)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection, as a process that is killed."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        read = 0
        try:
            while self.leaves_after is None or read < self.leaves_after:
                if not self.reading:
                    await asyncio.sleep(0.01)
                    continue
                length = int(await reader.readuntil(b" "))
                self._take((await reader.readexactly(length)).decode())
                read += 1
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    def _take(self, message: str) -> None:
        self.messages.append(message)
        self.ids.append(int(parameters(message)["id"]))

    async def has(self, wanted: Callable[["FakeCollector"], bool]) -> None:
        """Waits until it is so."""
        async with asyncio.timeout(_PATIENCE):
            while not wanted(self):  # noqa: ASYNC110 - a real socket tells nobody of what is looked for
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def collecting(tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeCollector]:
    """A collector that listens for as long as the block."""
    collector = FakeCollector(tls)
    await collector.start()
    try:
        yield collector
    finally:
        await collector.stop()


def make_certificate(directory: Path, name: str, *, address: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate of its own authority for the address, and the same with its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority, both = directory / f"{name}.pem", directory / f"{name}.key.pem"
    authority.write_bytes(public)
    both.write_bytes(public + secret)
    return authority, both


def server_context(both: Path, *, clients: Path | None = None) -> ssl.SSLContext:
    """What a collector with this certificate serves with; `clients` is the authority of those it lets in."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(both)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
