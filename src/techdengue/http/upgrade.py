"""WebSockets at the door: who may open one, the answer to who may not, and what is recorded of each.

They go beside Litestar, which has nothing to add to them but objects for every connection.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog

from eventstore import DATABASE_AWAY
from techdengue.domain.access import Role

from .auditing import Audited, Told, entry_of
from .call import admit, bearer
from .edge import REQUEST_ID_KEY, Receive, Scope, Send
from .ports import Admission
from .problems import PROBLEM_MEDIA_TYPE, Problem, database_away, problem_document
from .roles import require
from .services import Services
from .socket.messages import SUBPROTOCOL
from .socket.outlet import LOST

Converse = Callable[[Services, Admission, str, Receive, Send, str, str | None], Awaitable[int]]
"""Serves an accepted socket; answers its close code. The last two: the request's URN, and where it comes from."""


class SocketEndpoint(msgspec.Struct, frozen=True):
    """An address that speaks WebSocket, the least role that may, and how denials are told of."""

    path: str
    least: Role | None
    audited: Audited | None
    converse: Converse


class Upgrades:
    """The ASGI application of WebSockets."""

    def __init__(self, endpoints: Mapping[str, SocketEndpoint], services: Services) -> None:
        self._endpoints = endpoints
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Serve one; answers its close code, or the HTTP status where it was refused."""
        instance = f"urn:techdengue:request:{scope[REQUEST_ID_KEY]}"
        await receive()
        told = Told()
        endpoint: SocketEndpoint | None = None
        try:
            endpoint = self._find(scope["path"])
            scope["path_template"] = endpoint.path
            authorization = dict(scope["headers"]).get(b"authorization", b"").decode("utf-8", "replace")
            admission = await admit(self._services, authorization)
            told.caller = admission.caller
            if endpoint.least is not None:
                require(admission.caller, endpoint.least)
        except Problem as problem:
            if endpoint is not None and endpoint.audited is not None and problem.status in {401, 403}:
                told.code = problem.code
                self._services.audit.note(entry_of(endpoint.audited, self._services, scope, told, problem.status))
            return await _refuse(send, problem, instance)
        except DATABASE_AWAY as error:
            structlog.get_logger().warning("database_away", error=type(error).__name__)
            return await _refuse(send, database_away(), instance)
        offered = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
        try:
            await send({"type": "websocket.accept", "subprotocol": offered})
        except OSError:
            return LOST
        where = self._services.proxies.client(scope)
        return await endpoint.converse(self._services, admission, bearer(authorization), receive, send, instance, where)

    def _find(self, path: str) -> SocketEndpoint:
        endpoint = self._endpoints.get(path.rstrip("/"))
        if endpoint is None:
            raise Problem("route_not_found", "No WebSocket is at this address")
        return endpoint


async def _refuse(send: Send, problem: Problem, instance: str) -> int:
    """Answer the request to upgrade as any other."""
    body = msgspec.json.encode(problem_document(problem, instance))
    named: dict[str, Any] = {
        "content-type": PROBLEM_MEDIA_TYPE,
        "cache-control": "no-store",
        "content-length": str(len(body)),
        "x-request-id": instance.rpartition(":")[2],
        **problem.headers,
    }
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
    with contextlib.suppress(OSError):  # it has gone
        await send({"type": "websocket.http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
    return problem.status
