"""Whatever happens, the answer is a problem document with a request id, and it is counted by route template."""

import httpx
import pytest

from projections.errors import CursorFromElsewhere, SeveralEntities
from techdengue.domain.access import Role
from techdengue.domain.operation import ErrorCode
from techdengue.feed import Feed
from techdengue.http.app import build_app
from techdengue.http.auth import TokenVerifier
from techdengue.http.openapi import examples
from techdengue.http.services import Services
from techdengue.intake import errors
from techdengue.telemetry import REGISTRY

from .conftest import Tokens, operation, settings_for
from .fakes import FakeIntake, FakeJobs, FakeReaders, FakeReports, FakeTrail


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.Overloaded(retry_after=7), 429, "overloaded"),
        (errors.Unavailable(retry_after=7, reason="password=secret"), 503, "unavailable"),
        (errors.DeviceTaken(device_id="d"), 403, "device_taken"),
        (RuntimeError("password=secret"), 500, "internal_error"),
        (ConnectionRefusedError("password=secret"), 503, "unavailable"),
    ],
)
async def test_refusals_of_the_intake_have_their_status(
    api: httpx.AsyncClient, intake: FakeIntake, error: Exception, status: int, code: str
) -> None:
    intake.error = error
    answer = await api.post("/api/sync", json={"operations": [operation()]})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["x-request-id"] in answer.json()["instance"]
    assert "secret" not in answer.text
    if status in (429, 503):
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.ConflictNotFound(), 404, "conflict_not_found"),
        (errors.ConflictAlreadyResolved(examples.RESOLVED), 409, "conflict_already_resolved"),
        (errors.ResolutionRefused(code=ErrorCode.INVALID_DATA, message="no", path="/data"), 422, "invalid_data"),
        (errors.ResolutionRefused(code=ErrorCode.IDEMPOTENCY_KEY_REUSED, message="no"), 409, "idempotency_key_reused"),
    ],
)
async def test_refusals_of_a_resolution_have_their_status(
    api: httpx.AsyncClient, intake: FakeIntake, tokens: Tokens, error: Exception, status: int, code: str
) -> None:
    intake.error = error
    answer = await api.post(
        f"/api/conflicts/{examples.CONFLICT_ID}/resolution",
        json={"choice": "client", "idempotency_key": "r-1"},
        headers=tokens.bearer(Role.GESTOR),
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if code == "conflict_already_resolved":
        assert answer.json()["resolved"]["resolved_by"] == "joana"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (CursorFromElsewhere(), 400, "invalid_cursor"),
        (OSError(), 503, "unavailable"),
        (TimeoutError(), 503, "unavailable"),
        (KeyError("secret"), 500, "internal_error"),
    ],
)
async def test_refusals_of_the_readers_have_their_status(
    api: httpx.AsyncClient, readers: FakeReaders, error: Exception, status: int, code: str
) -> None:
    readers.error = error
    answer = await api.get("/api/sync/changes")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_id_of_two_municipios_asks_which_one(api: httpx.AsyncClient, readers: FakeReaders) -> None:
    readers.error = SeveralEntities(entity_type="atividade", entity_id="1", municipios=("5103403", "5108402"))
    answer = await api.get("/api/entities/atividade/1")
    assert (answer.status_code, answer.json()["code"]) == (400, "municipio_required")
    assert answer.json()["municipios"] == ["5103403", "5108402"]


@pytest.mark.parametrize("path", ["/", "/api", "/api/nothing", "/api/entities/atividade", "/api/sync%00", "/%FF%FE"])
async def test_an_unknown_address_is_404(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")


async def test_another_method_is_405_and_names_those_that_are_taken(api: httpx.AsyncClient) -> None:
    answer = await api.patch("/api/devices/device-1")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, OPTIONS, PUT"


@pytest.mark.parametrize("path", ["/health/live", "/api/entities/atividade/7", "/nowhere"])
async def test_a_host_that_cannot_be_one_is_refused_at_every_address(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path, headers={"host": "no host"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


async def test_a_slash_at_the_end_of_an_address_means_nothing(api: httpx.AsyncClient) -> None:
    labels = {"method": "GET", "route": "/health/live", "status_code": "200"}
    before = REGISTRY.get_sample_value("http_requests_total", labels) or 0
    assert (await api.get("/health/live")).json() == (await api.get("/health/live/")).json()
    assert REGISTRY.get_sample_value("http_requests_total", labels) == before + 2


async def test_head_is_get_without_the_body(api: httpx.AsyncClient) -> None:
    head, get = await api.head("/schema"), await api.get("/schema")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_a_request_id_is_taken_over_if_it_is_a_plain_one(api: httpx.AsyncClient) -> None:
    answer = await api.get("/health/live", headers={"x-request-id": "abc-123"})
    assert answer.headers["x-request-id"] == "abc-123"
    answer = await api.get("/health/live", headers={"x-request-id": 'a"b\\n{}'})
    assert len(answer.headers["x-request-id"]) == 32


async def test_requests_are_counted_by_route_template(api: httpx.AsyncClient) -> None:
    labels = {"method": "GET", "route": "/api/sync/status/{device_id}", "status_code": "200"}
    before = REGISTRY.get_sample_value("http_requests_total", labels) or 0
    await api.get("/api/sync/status/counted-1")
    await api.get("/api/sync/status/counted-2")
    assert REGISTRY.get_sample_value("http_requests_total", labels) == before + 2
    await api.request("BREW", "/coffee/pot/7")
    unmatched = {"method": "OTHER", "route": "unmatched", "status_code": "404"}
    assert (REGISTRY.get_sample_value("http_requests_total", unmatched) or 0) >= 1
    assert "counted-1" not in (await api.get("/metrics")).text


async def test_readiness_names_what_is_away(tokens: Tokens) -> None:
    async def well() -> None:
        return None

    async def away() -> None:
        raise OSError

    settings = settings_for(tokens)
    for checks, status in (({"database": well}, 200), ({"database": away, "redis": well}, 503)):
        services = Services(
            intake=FakeIntake(),
            readers=FakeReaders(),
            feed=Feed(FakeReaders()),
            jobs=FakeJobs(),
            reports=FakeReports(),
            verifier=TokenVerifier(settings),
            audit=FakeTrail(),
            settings=settings,
            checks=checks,
        )
        transport = httpx.ASGITransport(build_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.get("/health/ready")
        assert answer.status_code == status
        assert answer.json()["checks"]["database"] == ("ok" if status == 200 else "away")
