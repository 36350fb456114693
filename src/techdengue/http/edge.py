"""The outermost ring: request ids, metrics by route template, one access log line, and nothing that escapes.

It is outside of Litestar, so that unknown addresses and failures of the framework itself are counted too.
"""

import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import unquote

import structlog

from techdengue import telemetry

from .problems import Problem, problem_response
from .socket.close_codes import CLOSE_CODES
from .upload import LEAVE_SECONDS, Upload

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Sockets = Callable[[Scope, Receive, Send], Awaitable[int]]
"""Serves a WebSocket; answers its close code, or the HTTP status where it was refused."""

REQUEST_ID_KEY: Final = "techdengue.request_id"
ABORT_KEY: Final = "techdengue.abort"
"""Where a server that can says how to drop the connection at once: nobody reads what is left."""
DUPLEX_KEY: Final = "techdengue.duplex"
"""Set by a handler whose answer begins while the request's body is still coming."""
HEADLESS_KEY: Final = "techdengue.headless"
"""Set where only the head of the answer is wanted: an answer without an end may end there."""
UNTIMED_KEY: Final = "techdengue.untimed"
"""Set for an answer that takes as long as its caller wants: it is counted, but its time says nothing of the server."""
ENCODED_SLASH: Final = "\x00"
"""Stands for a `%2F` inside one path segment (an entity id may hold a slash); no id may hold a NUL."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
_LEAST_CLOSE_CODE = 1000
_KNOWN_CODES = frozenset({1000, 1005, 1006, *CLOSE_CODES.values()})
"""Close codes of ours, and those of a peer that leaves well, without a word, or is lost."""
_QUIET_ROUTES = frozenset({"/health/live", "/health/ready", "/metrics"})
_log = structlog.get_logger()


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(self, application: Application, sockets: Sockets) -> None:
        self._application = application
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope[REQUEST_ID_KEY] = request_id
        receive = upload = Upload(scope["headers"], receive)
        answer = _Answer(send, scope, upload)
        _bind(request_id)
        telemetry.HTTP_REQUESTS_IN_FLIGHT.inc()
        try:
            if _keep_encoded_slashes(scope):
                asked = {**scope, "method": "GET", HEADLESS_KEY: True} if answer.headless else scope
                await self._application(asked, receive, answer)
                scope["path_template"] = asked.get("path_template")
                if UNTIMED_KEY in asked:
                    scope[UNTIMED_KEY] = True
            else:
                await _refuse(scope, receive, answer, Problem("route_not_found", "A path holds no NUL"))
        except Problem as problem:
            await _refuse(scope, receive, answer, problem)
        except Exception as error:  # noqa: BLE001 - the last ring: a failure is answered and logged, not raised
            _log.error("request_failed", exc_info=error)
            if answer.status is None:
                await _refuse(scope, receive, answer, Problem("internal_error", "An unexpected failure"))
        finally:
            telemetry.HTTP_REQUESTS_IN_FLIGHT.dec()
            _record(scope, answer.status or 499, time.perf_counter() - started)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        scope[REQUEST_ID_KEY] = request_id = _request_id(scope)
        _bind(request_id)
        ended = 1011
        try:
            ended = await self._sockets(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the last ring, as for requests
            _log.error("socket_failed", exc_info=error)
        finally:
            _record_socket(scope, ended, time.perf_counter() - started)


class _Answer:
    """Passes the answer on, notes its status, and adds the request id; HEAD is GET without the body (RFC 9110).

    It begins when the request's body has been read: by its handler, or here what a refusal left of it. One that goes
    both ways at once ends then.
    """

    def __init__(self, send: Send, scope: Scope, upload: Upload) -> None:
        self._send = send
        self._scope = scope
        self._upload = upload
        self.headless = scope["method"] == "HEAD"
        self._header = (b"x-request-id", scope[REQUEST_ID_KEY].encode())
        self.status: int | None = None

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), self._header]
            if DUPLEX_KEY not in self._scope and not await self._upload.finish():
                message["headers"].append((b"connection", b"close"))
        elif self.headless:
            message = {**message, "body": b""}
        elif DUPLEX_KEY in self._scope and not message["more_body"]:
            await self._upload.finish(LEAVE_SECONDS)
        await self._send(message)


async def _refuse(scope: Scope, receive: Receive, send: Send, problem: Problem) -> None:
    response = problem_response(problem, scope[REQUEST_ID_KEY])
    await response(scope, receive, send)  # type: ignore[arg-type]  # Litestar's scope is a narrower type


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value).decode()
    return secrets.token_hex(16)


def _keep_encoded_slashes(scope: Scope) -> bool:
    """Let `%2F` stay inside its segment; False where the path holds a NUL, which nothing is named by."""
    if ENCODED_SLASH in scope["path"]:
        return False
    raw = scope.get("raw_path") or b""
    if b"%2" in raw and b"%2f" in raw.lower():
        segments = raw.partition(b"?")[0].decode("ascii", "replace").split("/")
        scope["path"] = "/".join(_unquote(segment) for segment in segments)
    return True


def _unquote(segment: str) -> str:
    return unquote(segment).replace("/", ENCODED_SLASH)


def _bind(request_id: str) -> None:
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)


def _record_socket(scope: Scope, ended: int, seconds: float) -> None:
    """`ended` is a close code, or the HTTP status of a refusal."""
    route = scope.get("path_template") or "unmatched"
    status = 101 if ended >= _LEAST_CLOSE_CODE else ended
    telemetry.HTTP_REQUESTS.labels("GET", route, str(status)).inc()
    if status == 101:
        telemetry.SOCKETS_CLOSED.labels(str(ended) if ended in _KNOWN_CODES else "other").inc()
    _log.info("socket_closed", route=route, status=status, code=ended, duration_ms=round(seconds * 1000, 3))


_children: dict[tuple[str, str, int], tuple[Any, Any]] = {}


def _record(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    route = scope.get("path_template") or "unmatched"
    key = (method, route, status)
    if (children := _children.get(key)) is None:
        children = _children[key] = (
            telemetry.HTTP_REQUESTS.labels(method, route, str(status)),
            telemetry.HTTP_REQUEST_DURATION.labels(method, route),
        )
    children[0].inc()
    if UNTIMED_KEY not in scope and DUPLEX_KEY not in scope:
        children[1].observe(seconds)
    if route not in _QUIET_ROUTES:
        _log.info("request_answered", method=method, route=route, status=status, duration_ms=round(seconds * 1000, 3))
