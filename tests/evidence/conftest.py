"""A whole server with an object store, and an agent in the field who uploads to it."""

import datetime as dt
import hashlib
import io
import itertools
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import asyncpg
import httpx
import pytest

from techdengue.asgi import create_app
from techdengue.dev.database import Database
from techdengue.dev.seaweedfs import S3Address
from techdengue.domain.access import Role
from techdengue.settings import Settings
from tests.http.conftest import CUIABA, Tokens, alive, s3_settings, settings_for, tokens
from tests.storage.conftest import storage

from .making import tipo_of

__all__ = ["storage", "tokens"]

PART = 5 * 1024 * 1024
_NUMBERS = itertools.count(1)


class Agent:
    """Somebody in the field, with a token; every evidencia is of one atividade of theirs."""

    def __init__(self, api: httpx.AsyncClient, web: aiohttp.ClientSession, tokens: Tokens) -> None:
        self.api = api
        self.web = web
        self.tokens = tokens
        self.headers = {**tokens.bearer(Role.CAMPO, CUIABA, user="ana"), "x-device-id": "phone"}
        self.atividade = f"visita-{next(_NUMBERS)}"
        self._begun = False

    async def sync(self, *operations: dict[str, Any], device: str | None = None) -> Any:
        """Send a batch; its answer."""
        headers = self.headers if device is None else {**self.headers, "x-device-id": device}
        answer = await self.api.post("/api/sync", json={"operations": operations}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def evidence(self, body: bytes, content_type: str | None = "image/jpeg", **data: Any) -> str:
        """An evidencia that speaks of these bytes; its id."""
        if not self._begun:
            visit = {"tipo": "VISTORIA", "municipio_cod_ibge": CUIABA}
            await self.sync(_operation("create", self.atividade, visit, entity_type="atividade"))
            self._begun = True
        evidencia_id = f"foto-{next(_NUMBERS)}"
        said = {
            "atividade_id": self.atividade,
            "hash_sha256": hashlib.sha256(body).hexdigest(),
            "tamanho_bytes": len(body),
            **({} if content_type is None else {"content_type": content_type, "tipo": tipo_of(content_type)}),
            **data,
        }
        answer = await self.sync(_operation("create", evidencia_id, said))
        assert answer["successes"], answer
        return evidencia_id

    async def update(self, evidencia_id: str, data: dict[str, Any], *, device: str | None = None, **more: Any) -> Any:
        """Change an evidencia as a device does."""
        return await self.sync(_operation("update", evidencia_id, data, **more), device=device)

    async def delete(self, evidencia_id: str) -> None:
        """Delete it as a device does."""
        operation = _operation("delete", evidencia_id, {})
        del operation["data"]
        await self.sync(operation)

    async def ask(self, method: str, evidencia_id: str, call: str, **more: Any) -> httpx.Response:
        """One of the calls about its file."""
        headers = {**self.headers, **more.pop("headers", {})}
        return await self.api.request(method, f"/api/evidencias/{evidencia_id}/{call}", headers=headers, **more)

    async def begin(self, evidencia_id: str) -> Any:
        """Begin or resume its upload."""
        answer = await self.ask("POST", evidencia_id, "upload")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, body: bytes, upload: Any, *numbers: int) -> None:
        """Send the parts that are missing, or just those with these numbers."""
        for part in upload["missing"]:
            if not numbers or part["number"] in numbers:
                piece = body[part["offset"] : part["offset"] + part["size"]]
                async with self.web.put(part["url"], data=io.BytesIO(piece), headers=part["headers"]) as answer:
                    assert answer.status == 200, await answer.text()

    async def complete(self, evidencia_id: str) -> httpx.Response:
        """Ask for the verification."""
        return await self.ask("POST", evidencia_id, "upload/complete")

    async def upload(self, body: bytes, content_type: str | None = "image/jpeg", **data: Any) -> str:
        """All of it, verified; the evidencia's id."""
        evidencia_id = await self.evidence(body, content_type, **data)
        await self.send(body, await self.begin(evidencia_id))
        answer = await self.complete(evidencia_id)
        assert answer.status_code == 200, answer.text
        return evidencia_id

    async def fetch(self, evidencia_id: str, call: str = "download") -> bytes:
        """The bytes that a download leads to."""
        answer = await self.ask("GET", evidencia_id, call)
        assert answer.status_code == 307, answer.text
        async with self.web.get(answer.headers["location"]) as found:
            assert found.status == 200
            return await found.read()

    async def document(self, evidencia_id: str) -> Any:
        """What the server shows of it."""
        answer = await self.api.get(f"/api/entities/evidencia/{evidencia_id}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def history(self, evidencia_id: str) -> Any:
        """Its events, as a manager sees them."""
        headers = self.tokens.bearer(Role.GESTOR, CUIABA, user="gestora")
        answer = await self.api.get(f"/api/entities/evidencia/{evidencia_id}/history", headers=headers)
        return answer.json()["items"]


def _operation(kind: str, entity_id: str, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "entity_type": "evidencia",
        "entity_id": entity_id,
        "operation": kind,
        "data": data,
        "client_timestamp": dt.datetime.now(dt.UTC).isoformat(),
        "idempotency_key": f"k-{next(_NUMBERS)}",
        **more,
    }


@pytest.fixture(scope="session")
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    """What a phone sends files with."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


@pytest.fixture(scope="session")
def server_settings(tokens: Tokens, database: Database, s3: S3Address) -> Settings:
    """Settings of a server with an object store."""
    return settings_for(tokens, database.server_url, **s3_settings(s3))


@pytest.fixture(scope="session")
async def api(server_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that server."""
    application = create_app(server_settings)
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with alive(application), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
def agent(api: httpx.AsyncClient, web: aiohttp.ClientSession, tokens: Tokens) -> Agent:
    """Somebody in the field."""
    return Agent(api, web, tokens)


@pytest.fixture
async def owner(database: Database) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """The database as its owner sees it."""
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()
