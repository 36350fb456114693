"""Requests through the server's own HTTP, from the bytes that a connection brings to those that it takes, in memory.

What decides the operations is left out: an answer that was made before takes its place.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from techdengue import telemetry
from techdengue.cli.listener import Connections, configure
from techdengue.cli.protocols import Http
from techdengue.dev.private_files import keep_signing_key
from techdengue.domain.access import Role
from techdengue.feed import Feed
from techdengue.http.app import build_app
from techdengue.http.auth import TokenVerifier
from techdengue.http.local_tokens import mint_local_token
from techdengue.http.services import Services
from techdengue.intake.model import Batch, SyncAnswer
from techdengue.settings import Settings
from tests.http.fakes import FakeIntake, FakeJobs, FakeReaders, FakeReports, FakeTrail

from . import workload
from .load import Load


class Wire:
    """Connections of one server in memory."""

    def __init__(self, connections: Connections, load: Load, answer: "_Answered") -> None:
        self._connections = connections
        self._load = load
        self._answer = answer
        self._open: list[tuple[Http, _Transport]] = []

    def request(self, device: str, body: bytes) -> bytes:
        """The bytes of a request, as the load sends them."""
        return self._load.request(device, body)

    async def ask(self, requests: Sequence[bytes], answers: Sequence[SyncAnswer]) -> None:
        """Send each on a connection of its own, until all have been answered. Raises RuntimeError where one is not."""
        while len(self._open) < len(requests):
            self._open.append(self._connect())
        self._answer.left = list(reversed(answers))
        for (protocol, transport), request in zip(self._open, requests, strict=True):
            transport.written = 0
            protocol.data_received(request)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        if not all(transport.written for _, transport in self._open):
            raise RuntimeError("a request was not answered at once")

    def close(self) -> None:
        """Let go of the connections."""
        for protocol, _ in self._open:
            protocol.connection_lost(None)

    def _connect(self) -> "tuple[Http, _Transport]":
        protocol, transport = self._connections.take(), _Transport()
        assert isinstance(protocol, Http)
        protocol.connection_made(transport)
        return protocol, transport


_TURNS = 8
"""Of the event loop: more than a request takes that waits for nothing."""


@asynccontextmanager
async def wired() -> AsyncIterator[Wire]:
    """A server's HTTP, without a socket and without what is below it."""
    telemetry.configure(log_format="json", log_level="warning")  # as the benchmark's servers are
    answered = _Answered()
    with TemporaryDirectory(prefix="techdengue-bench-") as directory:
        key = Path(directory) / "key.pem"
        keep_signing_key(key)
        settings = Settings(database_url="postgresql://nowhere", jwt_local_key_file=str(key))
        token = mint_local_token(key, user="bench", role=Role.CAMPO, municipios=(workload.MUNICIPIO,))
        services = Services(
            intake=answered,
            readers=FakeReaders(),
            feed=Feed(FakeReaders()),
            jobs=FakeJobs(),
            reports=FakeReports(),
            verifier=TokenVerifier(settings),
            audit=FakeTrail(),
            settings=settings,
        )
        connections = Connections(configure(build_app(services)), asyncio.get_running_loop())
        wire = Wire(connections, Load("http://bench:0", token), answered)
        try:
            yield wire
        finally:
            wire.close()
            await connections.drain()


class _Answered(FakeIntake):
    """An intake that says what it is told to say."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[SyncAnswer] = []

    async def submit(self, batch: Batch) -> SyncAnswer:
        """The next answer."""
        return self.left.pop()


class _Transport(asyncio.Transport):
    """Counts what is written, and forgets it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    def write(self, data: Any) -> None:
        """asyncio's."""
        self.written += len(data)

    def is_closing(self) -> bool:
        """asyncio's."""
        return False

    def close(self) -> None:
        """asyncio's."""

    def resume_reading(self) -> None:
        """asyncio's."""
