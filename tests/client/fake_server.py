"""A small sync server in memory, speaking the true wire, that fails on demand.

Its resolution is the simplest that a device can tell from the real one: the last to arrive wins, `manual` is parked
where the base is stale, `merge` answers `merged` with the document, `server_wins` answers `server_kept`.
"""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from techdengue.client.merge_patch import apply_patch

from .fake_streams import Streams, add_streams

Fault = Callable[["FakeServer", web.Request], Awaitable[web.StreamResponse]]


class FakeServer:
    """The log, the documents, and what shall go wrong next. `faults` are used up one a request, None is no fault."""

    def __init__(self) -> None:
        self.log: list[dict[str, Any]] = []
        self.outcomes: dict[tuple[str, str], dict[str, Any]] = {}
        self.documents: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.encodings: list[str | None] = []
        self.tokens: list[str] = []
        self.faults: list[Fault | None] = []
        self.good_token: str | None = None
        self.max_operations = 1000
        self.unreadable: set[str] = set()
        self.refuse: dict[str, tuple[str, str]] = {}
        self.reached = asyncio.Event()
        """Set when a fault that holds its answer back has processed its request."""
        self.release = asyncio.Event()
        self.streams = Streams()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/api/sync", self._guarded(self._sync))
        app.router.add_get("/api/sync/changes", self._guarded(self._changes))
        add_streams(self, app, self._guarded)
        self._server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self._server.make_url("")).rstrip("/")

    async def start(self) -> None:
        await self._server.start_server()

    async def stop(self) -> None:
        self.release.set()
        self.streams.stop()
        await self._server.close()

    def keys(self) -> list[str]:
        """The keys of the log, in order."""
        return [entry["idempotency_key"] for entry in self.log]

    def document(self, entity_type: str, entity_id: int | str) -> dict[str, Any] | None:
        """The document now."""
        held = self.documents.get((entity_type, str(entity_id)))
        return held and held["data"]

    def change(self, entity_id: int | str, patch: dict[str, Any] | None, device: str = "another") -> None:
        """Another device changes an atividade; None deletes it."""
        held = self.documents.get(("atividade", str(entity_id)))
        operation = {
            "entity_type": "atividade",
            "entity_id": entity_id,
            "operation": "delete" if patch is None else "update" if held else "create",
            "data": patch,
            "idempotency_key": f"other-{len(self.log)}",
        }
        self.process_operation(device, operation)

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def guard(request: web.Request) -> web.StreamResponse:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            self.tokens.append(token)
            if self.good_token is not None and token != self.good_token:
                return problem(401, "token_expired")
            fault = self.faults.pop(0) if self.faults else None
            return await (handler(request) if fault is None else fault(self, request))

        return guard

    async def _sync(self, request: web.Request) -> web.StreamResponse:
        self.encodings.append(request.headers.get("Content-Encoding"))
        raw = await request.read()  # aiohttp has unpacked it
        batch = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
        self.requests.append(batch)
        operations = batch["operations"]
        if len(operations) > self.max_operations:
            return problem(413, "too_large")
        if any(operation["idempotency_key"] in self.unreadable for operation in operations):
            return problem(422, "malformed")
        answer: dict[str, Any] = {
            "batch_id": batch["batch_id"],
            "processed": len(operations),
            "successes": [],
            "conflicts": [],
            "errors": [],
            "server_timestamp": "2026-01-01T00:00:00.000000Z",
        }
        for index, operation in enumerate(operations):
            where, what = self.process_operation(request.headers["X-Device-ID"], operation)
            answer[where].append(what | ({"index": index} if where == "errors" else {}))
        return web.json_response(answer)

    def process_operation(self, device: str, operation: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        key = operation["idempotency_key"]
        said = {name: operation[name] for name in ("entity_type", "entity_id", "operation", "idempotency_key")}
        if key in self.refuse:
            code, message = self.refuse[key]
            return "errors", said | {"code": code, "message": message, "path": "/data/tipo"}
        if (device, key) in self.outcomes:
            where, what = self.outcomes[device, key]["answer"]
            return where, what | {"already_processed": True}
        name = (operation["entity_type"], str(operation["entity_id"]))
        held = self.documents.get(name)
        if held is None and operation["operation"] != "create":
            return "errors", said | {"code": "entity_not_found", "message": "no such entity"}
        self.log.append(operation | {"device": device})
        self.streams.changed()
        where, what = self._resolve(device, operation, held)
        self.outcomes[device, key] = {"answer": (where, said | what | {"already_processed": False})}
        return where, said | what | {"already_processed": False}

    def _resolve(
        self, device: str, operation: dict[str, Any], held: dict[str, Any] | None
    ) -> tuple[str, dict[str, Any]]:
        base = operation.get("base_version")
        stale = held is not None and base is not None and held["others"](device) > base
        strategy = operation.get("conflict_resolution_strategy", "last_write_wins")
        if stale and strategy == "manual" and held is not None:
            return "conflicts", _parked(operation, held["data"])
        if stale and strategy == "server_wins" and held is not None:
            return "successes", {"status": "server_kept", "version": held["version"], "server_data": held["data"]}
        data = None
        if operation["operation"] != "delete":
            data = apply_patch(held and held["data"], operation["data"])
        version = len(self.log)
        changes = [*(held["changes"] if held else []), (device, version)]
        self.documents[operation["entity_type"], str(operation["entity_id"])] = {
            "entity_type": operation["entity_type"],
            "entity_id": operation["entity_id"],
            "version": version,
            "data": data,
            "changes": changes,
            "others": lambda me: max((at for who, at in changes if who != me), default=0),
        }
        if stale and strategy == "merge":
            return "successes", {"status": "merged", "version": version, "server_data": data}
        status = "client_applied" if stale else "applied"
        return "successes", {"status": status, "version": version}

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        after = int(request.query.get("cursor", "0"))
        limit = int(request.query["limit"])
        if after > len(self.log):
            return problem(400, "invalid_cursor")
        if "cursor" in request.query:
            await self.streams.wait(lambda: len(self.log) > after, float(request.query.get("wait", "0")))
        return web.json_response(self.page(after, limit))

    def page(self, after: int, limit: int) -> dict[str, Any]:
        """What changed after a place of the log."""
        changed = sorted(
            (each for each in self.documents.values() if each["version"] > after), key=lambda each: each["version"]
        )
        page = changed[:limit]
        items = [
            {
                "entity_type": each["entity_type"],
                "entity_id": each["entity_id"],
                "municipio_cod_ibge": "5103403",
                "version": each["version"],
                "deleted": each["data"] is None,
                "data": each["data"],
                "updated_at": "2026-01-01T00:00:00.000000Z",
            }
            for each in page
        ]
        cursor = str(page[-1]["version"] if page else after)
        return {"items": items, "next_cursor": cursor, "has_more": len(changed) > limit}

    async def process(self, request: web.Request) -> web.StreamResponse:
        """What the server would have done without a fault."""
        if request.path in self.streams.handlers:
            return await self.streams.handlers[request.path](request)
        return await (self._sync(request) if request.method == "POST" else self._changes(request))


def problem(status: int, code: str, **headers: str) -> web.Response:
    """An RFC 9457 answer."""
    return web.json_response(
        {"type": "about:blank", "title": code, "status": status, "code": code},
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        content_type="application/problem+json",
    )


def answers(status: int, code: str = "unavailable", **headers: str) -> Fault:
    """A fault: the request is not processed and answered so."""

    async def fault(server: FakeServer, request: web.Request) -> web.StreamResponse:
        if request.path not in server.streams.handlers:  # a stream's body has no end yet
            await request.read()
        return problem(status, code, **headers)

    return fault


async def lose_answer(server: FakeServer, request: web.Request) -> web.StreamResponse:
    """A fault: the request is processed, then the connection breaks."""
    answer = await server.process(request)
    assert request.transport is not None
    request.transport.close()
    return answer


async def lose_request(server: FakeServer, request: web.Request) -> web.StreamResponse:
    """A fault: the connection breaks before the request is processed."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def cut(*, after: int, answered: int) -> Fault:
    """A fault: a stream or a WebSocket breaks when `after` operations are recorded, of which `answered` were told."""

    async def fault(server: FakeServer, request: web.Request) -> web.StreamResponse:
        server.streams.cut = after, answered
        return await server.process(request)

    return fault


async def captive_portal(server: FakeServer, request: web.Request) -> web.StreamResponse:
    """A fault: somebody else answers, with a friendly page and status 200."""
    return web.Response(text="<html>Aceite os termos</html>", content_type="text/html")


async def hold_answer(server: FakeServer, request: web.Request) -> web.StreamResponse:
    """A fault: the request is processed, and the answer held back until `release`."""
    answer = await server.process(request)
    server.reached.set()
    await server.release.wait()
    return answer


def _parked(operation: dict[str, Any], data: Any) -> dict[str, Any]:
    return {
        "conflict_id": f"conflict-{operation['idempotency_key']}",
        "conflict_type": "update_update",
        "client_version": operation["client_timestamp"],
        "server_version": "2026-01-01T00:00:00.000000Z",
        "client_data": operation.get("data"),
        "server_data": data,
        "suggested_resolution": "status: client says CONCLUIDA, server says CANCELADA.",
        "base_version": operation["base_version"],
    }
