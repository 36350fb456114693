"""The application in process: over fakes for what is the wire's own, over the real rooms for who may do what."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from techdengue.asgi import create_app
from techdengue.dev.database import Database
from techdengue.dev.private_files import keep_signing_key
from techdengue.dev.seaweedfs import S3Address
from techdengue.domain.access import Role
from techdengue.feed import Feed
from techdengue.http.app import build_app
from techdengue.http.auth import TokenVerifier
from techdengue.http.local_tokens import mint_local_token
from techdengue.http.services import Services
from techdengue.settings import Settings

from .fakes import FakeFiles, FakeIntake, FakeJobs, FakeReaders, FakeReports, FakeTrail

CUIABA = "5103403"
VARZEA_GRANDE = "5108402"


class Tokens(msgspec.Struct, frozen=True):
    """Mints tokens of the local key."""

    key_file: Path

    def mint(
        self,
        role: Role = Role.CAMPO,
        *municipios: str,
        user: str = "ana",
        lifetime: dt.timedelta = dt.timedelta(hours=1),
    ) -> str:
        """A token of this role and territory (Cuiabá where none is named)."""
        return mint_local_token(
            self.key_file, user=user, role=role, municipios=municipios or (CUIABA,), lifetime=lifetime
        )

    def bearer(self, role: Role = Role.CAMPO, *municipios: str, user: str = "ana") -> dict[str, str]:
        """The header that carries one."""
        return {"authorization": f"Bearer {self.mint(role, *municipios, user=user)}"}


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    """The local key of these tests."""
    key_file = tmp_path_factory.mktemp("key") / "local.pem"
    keep_signing_key(key_file)
    return Tokens(key_file)


def settings_for(tokens: Tokens, database_url: str = "postgresql://nowhere", **more: Any) -> Settings:
    """Settings with the tests' key."""
    return Settings(database_url=database_url, jwt_local_key_file=str(tokens.key_file), log_level="error", **more)


def s3_settings(s3: S3Address, **more: Any) -> dict[str, Any]:
    """The settings of an object store."""
    return {
        "s3_endpoint_url": s3.endpoint_url,
        "s3_access_key": s3.access_key,
        "s3_secret_key": s3.secret_key,
        "s3_bucket": s3.bucket,
        "s3_region": s3.region,
        **more,
    }


@pytest.fixture
def intake() -> FakeIntake:
    """An intake that accepts everything, or raises what it is told to."""
    return FakeIntake()


@pytest.fixture
def readers() -> FakeReaders:
    """Readers that know nothing, or raise what they are told to."""
    return FakeReaders()


@pytest.fixture
def trail() -> FakeTrail:
    """An audit trail that keeps what it is told."""
    return FakeTrail()


@pytest.fixture
def background() -> FakeJobs:
    """Background jobs that know two jobs and a run."""
    return FakeJobs()


@pytest.fixture
def files() -> FakeFiles:
    """Files of every evidencia."""
    return FakeFiles()


@pytest.fixture
def reports() -> FakeReports:
    """Reports that are there, and can be ordered."""
    return FakeReports()


@pytest.fixture
def feed(readers: FakeReaders) -> Feed:
    """The feed over the fake readers."""
    return Feed(readers)


@pytest.fixture
def stopping() -> asyncio.Event:
    """Set when the server is asked to stop."""
    return asyncio.Event()


@pytest.fixture
async def api(
    tokens: Tokens,
    intake: FakeIntake,
    readers: FakeReaders,
    reports: FakeReports,
    feed: Feed,
    trail: FakeTrail,
    background: FakeJobs,
    files: FakeFiles,
    stopping: asyncio.Event,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application over fakes, with a CAMPO token of Cuiabá and a device."""
    settings = settings_for(tokens, waiting_requests=3)
    services = Services(
        intake=intake,
        readers=readers,
        feed=feed,
        jobs=background,
        reports=reports,
        verifier=TokenVerifier(settings),
        audit=trail,
        settings=settings,
        evidence=files,
        stopping=stopping,
    )
    transport = httpx.ASGITransport(build_app(services))
    headers = {**tokens.bearer(), "x-device-id": "device-1", "accept-encoding": "identity"}
    async with (
        feed.running(),
        httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client,
    ):
        yield client


@pytest.fixture(scope="session")
async def server(database: Database, tokens: Tokens, s3: S3Address) -> AsyncIterator[httpx.AsyncClient]:
    """A client, without a token, of the whole server on a real database and object store."""
    application = create_app(settings_for(tokens, database.server_url, **s3_settings(s3)))
    async with (
        alive(application),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(application, raise_app_exceptions=False), base_url="http://test"
        ) as client,
    ):
        yield client


class alive:  # noqa: N801 - reads as a verb
    """Runs an ASGI application's lifespan around a block."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __aenter__(self) -> None:
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._outbox: asyncio.Queue[Any] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.create_task(self._application(scope, self._inbox.get, self._outbox.put))
        await self._inbox.put({"type": "lifespan.startup"})
        assert (await self._outbox.get())["type"] == "lifespan.startup.complete"

    async def __aexit__(self, *error: object) -> None:
        await self._inbox.put({"type": "lifespan.shutdown"})
        await self._task


def operation(key: str = "k-1", **more: Any) -> dict[str, Any]:
    """A create that every check accepts."""
    return {
        "entity_type": "atividade",
        "entity_id": 1,
        "operation": "create",
        "data": {"tipo": "VISTORIA", "municipio_cod_ibge": CUIABA},
        "client_timestamp": "2024-01-15T14:30:00Z",
        "idempotency_key": key,
        **more,
    }
