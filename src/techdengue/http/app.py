"""Puts the application together: every endpoint bound to its address, its role and its answers' media types."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import msgspec
import structlog
from litestar import Litestar, Request
from litestar.enums import HttpMethod
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect
from litestar.response.base import ASGIResponse

from eventstore import DATABASE_AWAY
from projections.errors import CursorFromElsewhere, SeveralEntities
from techdengue.feed import Stopping
from techdengue.intake.errors import IntakeError

from . import (
    audit,
    changes,
    evidence,
    jobs,
    media,
    operational,
    page,
    reading,
    reports,
    stream,
    sync,
    verification_page,
)
from .auditing import AUDITED, settle
from .call import Call, admit
from .edge import REQUEST_ID_KEY, Application, Edge, Receive, Scope
from .problems import Problem, database_away, from_intake, invalid_cursor, problem_response, unavailable
from .roles import LEAST_ROLE, require
from .routes import Routes, Serve
from .services import Services
from .socket.connection import converse
from .upgrade import Converse, SocketEndpoint, Upgrades

Handler = Callable[[Call], Awaitable[ASGIResponse]]
Answer = Callable[[Call, Scope], Awaitable[ASGIResponse]]
AnyRequest = Request[Any, Any, Any]

_STRUCTURED = (media.JSON, media.MSGPACK)


class Endpoint(msgspec.Struct, frozen=True):
    """One call of the wire; `name` is its row in the role table and its operationId."""

    name: str
    method: HttpMethod
    path: str
    handler: Handler
    offers: tuple[str, ...] = _STRUCTURED
    converse: Converse | None = None
    """What serves it where it is asked for as a WebSocket."""


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("sync", HttpMethod.POST, "/api/sync", sync.send_batch),
    Endpoint("sync_stream", HttpMethod.POST, "/api/sync/stream", stream.send_stream, (media.NDJSON,)),
    Endpoint("sync_ws", HttpMethod.GET, "/api/sync/ws", sync.refuse_plain, converse=converse),
    Endpoint("sync_status", HttpMethod.GET, "/api/sync/status/{device_id:str}", sync.read_status),
    Endpoint(
        "sync_changes",
        HttpMethod.GET,
        "/api/sync/changes",
        changes.read_changes,
        (*_STRUCTURED, media.EVENT_STREAM),
    ),
    Endpoint("device_put", HttpMethod.PUT, "/api/devices/{device_id:str}", sync.put_device),
    Endpoint("device_delete", HttpMethod.DELETE, "/api/devices/{device_id:str}", sync.delete_device),
    Endpoint("entity", HttpMethod.GET, "/api/entities/{type:str}/{id:str}", reading.read_entity),
    Endpoint("entity_history", HttpMethod.GET, "/api/entities/{type:str}/{id:str}/history", reading.read_history),
    Endpoint("events", HttpMethod.GET, "/api/events", reading.read_events, (*_STRUCTURED, media.NDJSON)),
    Endpoint("conflicts", HttpMethod.GET, "/api/conflicts", reading.read_conflicts),
    Endpoint("conflict", HttpMethod.GET, "/api/conflicts/{id:str}", reading.read_conflict),
    Endpoint("conflict_resolution", HttpMethod.POST, "/api/conflicts/{id:str}/resolution", reading.resolve_conflict),
    Endpoint("audit", HttpMethod.GET, "/api/audit", audit.read_audit),
    Endpoint("evidence_upload", HttpMethod.POST, "/api/evidencias/{id:str}/upload", evidence.begin_upload),
    Endpoint("evidence_upload_state", HttpMethod.GET, "/api/evidencias/{id:str}/upload", evidence.read_upload),
    Endpoint("evidence_upload_give_up", HttpMethod.DELETE, "/api/evidencias/{id:str}/upload", evidence.give_up_upload),
    Endpoint(
        "evidence_upload_complete",
        HttpMethod.POST,
        "/api/evidencias/{id:str}/upload/complete",
        evidence.complete_upload,
    ),
    Endpoint(
        "evidence_download", HttpMethod.GET, "/api/evidencias/{id:str}/download", evidence.download, media.ANYTHING
    ),
    Endpoint(
        "evidence_thumbnail", HttpMethod.GET, "/api/evidencias/{id:str}/thumbnail", evidence.thumbnail, media.ANYTHING
    ),
    Endpoint("jobs", HttpMethod.GET, "/api/jobs", jobs.list_jobs),
    Endpoint("job_run", HttpMethod.GET, "/api/jobs/{id:str}", jobs.read_run),
    Endpoint("job_start", HttpMethod.POST, "/api/jobs/{id:str}", jobs.start_job),
    Endpoint("job_cancel", HttpMethod.POST, "/api/jobs/{id:str}/cancel", jobs.cancel_run),
    Endpoint("job_retry", HttpMethod.POST, "/api/jobs/{id:str}/retry", jobs.retry_run),
    Endpoint("report_order", HttpMethod.POST, "/api/reports", reports.order_report),
    Endpoint("reports", HttpMethod.GET, "/api/reports", reports.list_reports),
    Endpoint("report_verify", HttpMethod.POST, "/api/reports/verify", reports.verify),
    Endpoint("report", HttpMethod.GET, "/api/reports/{id:str}", reports.read_report),
    Endpoint("report_download", HttpMethod.GET, "/api/reports/{id:str}/download", reports.download_report, ("*/*",)),
    Endpoint("report_proof", HttpMethod.GET, "/api/reports/{id:str}/proofs/{evidencia_id:str}", reports.read_proof),
    Endpoint("report_page", HttpMethod.GET, "/verificar/{id:str}", verification_page.show, (media.HTML,)),
    Endpoint("health_live", HttpMethod.GET, "/health/live", operational.live),
    Endpoint("health_ready", HttpMethod.GET, "/health/ready", operational.ready),
    Endpoint(
        "metrics", HttpMethod.GET, "/metrics", operational.metrics, ("text/plain", "application/openmetrics-text")
    ),
    Endpoint("schema", HttpMethod.GET, "/schema", page.schema, (media.JSON, media.HTML)),
    Endpoint("schema_json", HttpMethod.GET, "/schema/openapi.json", page.schema_json, (media.JSON,)),
    Endpoint("schema_page_file", HttpMethod.GET, "/schema/page/{name:str}", page.page_file, ("*/*",)),
)


def build_app(services: Services) -> Application:
    """The ASGI application over these services."""
    serving = [(endpoint, _serve(endpoint, services)) for endpoint in ENDPOINTS]
    framework = Litestar(
        route_handlers=[_bind(endpoint, serve) for endpoint, serve in serving],
        openapi_config=None,
        logging_config=None,
        debug=False,
        exception_handlers={HTTPException: _refuse_as_problem, Exception: _hand_on},
    )
    sockets = {
        endpoint.path: SocketEndpoint(
            endpoint.path, LEAST_ROLE[endpoint.name], AUDITED[endpoint.name], endpoint.converse
        )
        for endpoint in ENDPOINTS
        if endpoint.converse is not None
    }
    plain = {(endpoint.method.value, endpoint.path): serve for endpoint, serve in serving if "{" not in endpoint.path}
    routes = Routes(plain, framework)  # type: ignore[arg-type]  # Litestar's scope is a narrower type
    return Edge(routes, Upgrades(sockets, services))


def _serve(endpoint: Endpoint, services: Services) -> Serve:
    """The endpoint's handler, with its role, its failures as problems, and the end of its body's budget."""
    answer, offers = _answering(endpoint, services), endpoint.offers

    async def serve(scope: Scope, receive: Receive) -> ASGIResponse:
        call: Call | None = None
        try:
            call = Call(scope, receive, services, offers)
            return await answer(call, scope)
        except Problem as problem:
            return _refusal(scope, problem)
        except IntakeError as error:
            return _refusal(scope, from_intake(error))
        except CursorFromElsewhere:
            return _refusal(scope, invalid_cursor())
        except SeveralEntities as error:
            several = Problem("municipio_required", "Name the município", municipios=list(error.municipios))
            return _refusal(scope, several)
        except Stopping:
            return _refusal(scope, unavailable("The server is stopping"))
        except DATABASE_AWAY as error:
            structlog.get_logger().warning("database_away", error=type(error).__name__)
            return _refusal(scope, database_away())
        finally:
            if call is not None:
                call.release()

    return serve


def _answering(endpoint: Endpoint, services: Services) -> Answer:
    """The endpoint's handler, for who may, and with its entry in the audit trail."""
    least, audited = LEAST_ROLE[endpoint.name], AUDITED[endpoint.name]
    handler = endpoint.handler

    async def answer(call: Call, scope: Scope) -> ASGIResponse:
        try:
            if least is not None:
                call.admission = await admit(call.services, call.header(b"authorization"))
                require(call.caller, least)
            answered = await handler(call)
        except (Problem, IntakeError) as error:
            if audited is None:
                raise
            problem = error if isinstance(error, Problem) else from_intake(error)
            call.told.code = problem.code
            answered = _refusal(scope, problem)
        if audited is None or (audited.elsewhere and answered.status_code < 400):
            return answered
        return await settle(audited, services, scope, call.told, answered)

    return answer


def _bind(endpoint: Endpoint, serve: Serve) -> HTTPRouteHandler:
    """The endpoint as the framework matches it."""

    async def handle(request: AnyRequest) -> ASGIResponse:
        return await serve(request.scope, request.receive)  # type: ignore[arg-type]  # Litestar's scope is a narrower type

    bound: HTTPRouteHandler = HTTPRouteHandler(
        endpoint.path, http_method=endpoint.method, name=endpoint.name, status_code=200
    )(handle)
    return bound


def _refusal(scope: Scope, problem: Problem) -> ASGIResponse:
    return problem_response(problem, scope[REQUEST_ID_KEY])


def _refuse_as_problem(request: AnyRequest, error: HTTPException) -> Redirect:
    """What Litestar refuses by itself: unknown addresses and methods; the edge answers it."""
    if error.status_code == 405:
        allowed = ", ".join(_methods_of(request.scope["path"]))
        raise Problem("method_not_allowed", f"It takes {allowed}", headers={"allow": allowed}) from error
    if error.status_code == 404:
        if request.scope["path"] == "/" and media.prefers_page(request.headers.get("accept", "")):
            return Redirect("/schema", status_code=307, headers={"cache-control": "no-store", "vary": "accept"})
        raise Problem("route_not_found", "Nothing is at this address") from error
    if error.status_code == 400:
        raise Problem("invalid_parameter", "The request's head cannot be read", path="") from error
    raise error


def _hand_on(_request: AnyRequest, error: Exception) -> NoReturn:
    """An unexpected failure: the edge logs it, and answers without its message."""
    raise error


def _methods_of(path: str) -> list[str]:
    found = {endpoint.method.value for endpoint in ENDPOINTS if _pattern(endpoint.path).fullmatch(path.rstrip("/"))}
    return sorted(found | ({"HEAD", "OPTIONS"} if "GET" in found else {"OPTIONS"}))


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path))
