"""The product as one sees it from outside: two server processes on one database, and requests to them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from techdengue.domain.access import Role
from techdengue.http.local_tokens import mint_local_token

Json = dict[str, Any]


class Answer(msgspec.Struct, frozen=True):
    """An answer over HTTP; `body` is its JSON, None where it has none."""

    status: int
    headers: dict[str, str]
    body: Any


class Site:
    """Servers on one database. Each request may name the one that takes it, modulo their number."""

    def __init__(self, http: aiohttp.ClientSession, urls: Sequence[str], key_file: Path) -> None:
        self.urls = urls
        self._http = http
        self._key_file = key_file
        self._tokens: dict[tuple[Any, ...], str] = {}

    def token(self, user: str, role: Role = Role.CAMPO, municipios: Sequence[str] = ("*",)) -> str:
        """A token, the same one for the same person."""
        who = (user, role, *municipios)
        if who not in self._tokens:
            self._tokens[who] = mint_local_token(self._key_file, user=user, role=role, municipios=municipios)
        return self._tokens[who]

    async def ask(
        self,
        method: str,
        path: str,
        token: str | None,
        *,
        body: Any = None,
        params: dict[str, str] | None = None,
        device: str | None = None,
        server: int = 0,
    ) -> Answer:
        """One request with a JSON body."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        if device is not None:
            headers["x-device-id"] = device
        url = self.urls[server % len(self.urls)] + path
        async with self._http.request(method, url, json=body, params=params, headers=headers) as answer:
            raw = await answer.read()
            seen = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, seen, msgspec.json.decode(raw) if raw else None)

    async def sync(self, token: str, device: str, operations: Sequence[Any], *, server: int = 0, **more: Any) -> Json:
        """POST /api/sync, which must be answered with 200 and account for every operation."""
        body = {"operations": list(operations), **more}
        answer = await self.ask("POST", "/api/sync", token, body=body, device=device, server=server)
        assert answer.status == 200, answer.body
        told: Json = answer.body
        counted = len(told["successes"]) + len(told["conflicts"]) + len(told["errors"])
        assert told["processed"] == counted == len(operations)
        return told

    async def get(self, path: str, token: str, *, server: int = 0, **params: Any) -> Any:
        """A GET that must be answered with 200."""
        named = {name: str(value) for name, value in params.items() if value is not None}
        answer = await self.ask("GET", path, token, params=named, server=server)
        assert answer.status == 200, (path, params, answer.body)
        return answer.body

    async def read_all(self, path: str, token: str, *, server: int = 0, **params: Any) -> list[Json]:
        """Every item of a list, page by page."""
        items: list[Json] = []
        while True:
            page = await self.get(path, token, server=server, **params)
            items += page["items"]
            if not page["has_more"]:
                return items
            params["cursor"] = page["next_cursor"]


def operation(kind: str, entity_id: int | str, key: str, data: Json | None = None, **more: Any) -> Json:
    """An operation on an atividade, unless `more` says otherwise."""
    return {
        "entity_type": "atividade",
        "entity_id": entity_id,
        "operation": kind,
        "idempotency_key": key,
        "client_timestamp": "2026-01-15T14:30:00Z",
        **({} if data is None else {"data": data}),
        **more,
    }
