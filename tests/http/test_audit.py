"""Whoever reads or changes something is in the audit trail before the answer, and whoever may not is told of."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from techdengue.audit import Action, Entry, Outcome
from techdengue.domain.access import Role
from techdengue.feed import Feed
from techdengue.http.address import Proxies
from techdengue.http.app import ENDPOINTS
from techdengue.http.auditing import AUDITED
from techdengue.http.auth import TokenVerifier
from techdengue.http.openapi import examples, report_calls
from techdengue.http.openapi.examples_of_jobs import RUN_ID
from techdengue.http.services import Services
from techdengue.intake.errors import ConflictNotFound
from techdengue.settings import SettingsError

from .conftest import CUIABA, VARZEA_GRANDE, Tokens, operation, settings_for
from .fakes import FakeIntake, FakeJobs, FakeReaders, FakeReports, FakeTrail
from .speaking import connected, greeted

RESOLUTION = {"choice": "server", "idempotency_key": "k-1"}
REPORT = "auto_generate_evd01"
ORDER = {"arguments": {"municipio_cod_ibge": CUIABA, "atividade_id": "1"}}
CONFLICT = f"/api/conflicts/{examples.CONFLICT_ID}"
A_REPORT = f"/api/reports/{report_calls.REPORT.report_id}"
REPORT_ORDER = {"code": "SEMANAL", "municipio_cod_ibge": CUIABA}
READS: list[tuple[str, str, Any, Action, str, str | None, tuple[str, ...]]] = [
    ("GET", "/api/entities/atividade/1", None, Action.READ_ENTITY, "atividade", "1", (CUIABA,)),
    ("GET", "/api/entities/atividade/1?as_of=7", None, Action.READ_ENTITY, "atividade", "1", (CUIABA,)),
    ("GET", "/api/entities/evidencia/a%2Fb/history", None, Action.READ_HISTORY, "evidencia", "a/b", (CUIABA,)),
    ("GET", "/api/events", None, Action.READ_EVENTS, "territory", None, ("*",)),
    ("GET", f"/api/events?municipio={CUIABA}", None, Action.READ_EVENTS, "territory", None, (CUIABA,)),
    ("GET", "/api/conflicts", None, Action.READ_CONFLICTS, "territory", None, ("*",)),
    ("GET", CONFLICT, None, Action.READ_CONFLICT, "conflict", examples.CONFLICT_ID, (CUIABA,)),
    ("POST", f"{CONFLICT}/resolution", RESOLUTION, Action.RESOLVE_CONFLICT, "conflict", examples.CONFLICT_ID, ("*",)),
    ("GET", "/api/sync/changes", None, Action.READ_CHANGES, "territory", None, ("*",)),
    ("GET", "/api/sync/status/d-1", None, Action.READ_DEVICE, "device", "d-1", ("*",)),
    ("PUT", "/api/devices/d-1", {"platform": "android"}, Action.REGISTER_DEVICE, "device", "d-1", ("*",)),
    ("DELETE", "/api/devices/d-1", None, Action.FORGET_DEVICE, "device", "d-1", ("*",)),
    ("GET", "/api/jobs", None, Action.READ_JOBS, "territory", None, ("*",)),
    ("GET", f"/api/jobs?municipio={CUIABA}", None, Action.READ_JOBS, "territory", None, (CUIABA,)),
    ("GET", f"/api/jobs/{RUN_ID}", None, Action.READ_RUN, "run", RUN_ID, (CUIABA,)),
    ("POST", f"/api/jobs/{REPORT}", ORDER, Action.START_JOB, "job", REPORT, (CUIABA,)),
    ("POST", f"/api/jobs/{RUN_ID}/cancel", None, Action.CANCEL_RUN, "run", RUN_ID, (CUIABA,)),
    ("POST", f"/api/jobs/{RUN_ID}/retry", None, Action.RETRY_RUN, "run", RUN_ID, (CUIABA,)),
    ("POST", "/api/evidencias/a%2Fb/upload", None, Action.UPLOAD_FILE, "evidencia", "a/b", (CUIABA,)),
    ("GET", "/api/evidencias/7/upload", None, Action.UPLOAD_FILE, "evidencia", "7", (CUIABA,)),
    ("DELETE", "/api/evidencias/7/upload", None, Action.UPLOAD_FILE, "evidencia", "7", ("*",)),
    ("POST", "/api/evidencias/7/upload/complete", None, Action.VERIFY_FILE, "evidencia", "7", (CUIABA,)),
    ("GET", "/api/evidencias/7/download", None, Action.READ_FILE, "evidencia", "7", (CUIABA,)),
    ("GET", "/api/evidencias/7/thumbnail", None, Action.READ_FILE, "evidencia", "7", (CUIABA,)),
    ("POST", "/api/reports", REPORT_ORDER, Action.ORDER_REPORT, "report", None, (CUIABA,)),
    ("GET", "/api/reports", None, Action.READ_REPORTS, "territory", None, ("*",)),
    ("GET", f"/api/reports?municipio={CUIABA}", None, Action.READ_REPORTS, "territory", None, (CUIABA,)),
    ("GET", A_REPORT, None, Action.READ_REPORT, "report", report_calls.REPORT.report_id, (CUIABA,)),
    ("GET", f"{A_REPORT}/download", None, Action.DOWNLOAD_REPORT, "report", report_calls.REPORT.report_id, (CUIABA,)),
    ("GET", f"{A_REPORT}/proofs/foto-1", None, Action.READ_PROOF, "report", report_calls.REPORT.report_id, (CUIABA,)),
    ("GET", "/api/audit", None, Action.READ_AUDIT, "territory", None, ("*",)),
]
"""What is asked, and how the entry tells of it."""


@pytest.fixture
def admin(tokens: Tokens) -> dict[str, str]:
    """Headers of somebody who may do everything, everywhere."""
    return tokens.bearer(Role.ADMIN, "*", user="admin") | {"x-request-id": "r-1", "x-device-id": "console-browser"}


async def ask(api: httpx.AsyncClient, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
    """One request."""
    return (
        await api.request(method, path, json=body, headers=headers)
        if body
        else await api.request(method, path, headers=headers)
    )


def test_every_endpoint_says_how_it_is_told_of() -> None:
    assert {endpoint.name for endpoint in ENDPOINTS} == AUDITED.keys()


@pytest.mark.parametrize(("method", "path", "body", "action", "kind", "target", "municipios"), READS)
async def test_who_reads_or_changes_something_is_told_of(
    api: httpx.AsyncClient,
    trail: FakeTrail,
    admin: dict[str, str],
    method: str,
    path: str,
    body: Any,
    action: Action,
    kind: str,
    target: str | None,
    municipios: tuple[str, ...],
) -> None:
    answer = await ask(api, method, path, body, admin)
    assert answer.status_code < 400, answer.text
    assert trail.entries == [
        Entry(
            action=action,
            status=answer.status_code,
            user="admin",
            role="ADMIN",
            device_id="d-1" if kind == "device" else "console-browser",
            target_type=kind,
            target_id=target,
            municipios=municipios,
            address="127.0.0.1",
            request_id="r-1",
        )
    ]
    assert trail.noted == []


@pytest.mark.parametrize(("method", "path", "body"), [read[:3] for read in READS])
async def test_what_cannot_be_told_of_is_not_answered(
    api: httpx.AsyncClient, trail: FakeTrail, admin: dict[str, str], method: str, path: str, body: Any
) -> None:
    trail.away = True
    answer = await ask(api, method, path, body, admin)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"


async def test_nothing_of_the_answer_goes_out_before_its_entry_is_on_disk(
    api: httpx.AsyncClient, trail: FakeTrail, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, on_disk = asyncio.Event(), asyncio.Event()

    async def record(entry: Entry) -> None:
        asked.set()
        await on_disk.wait()

    monkeypatch.setattr(trail, "record", record)
    answering = asyncio.create_task(api.get("/api/entities/atividade/1", headers=admin))
    await asked.wait()
    done, _ = await asyncio.wait({answering}, timeout=0.1)
    assert not done
    on_disk.set()
    assert (await answering).status_code == 200


async def test_a_batch_is_told_of_by_its_own_row_and_carries_where_it_came_from(
    api: httpx.AsyncClient, intake: FakeIntake, trail: FakeTrail
) -> None:
    trail.away = True
    answer = await api.post("/api/sync", json={"operations": [operation()]})
    assert answer.status_code == 200
    assert [batch.address for batch in intake.batches] == ["127.0.0.1"]
    assert (trail.entries, trail.noted) == ([], [])


@pytest.mark.parametrize(
    ("token", "status", "code"), [(None, 401, "token_required"), ("nonsense", 401, "invalid_token")]
)
async def test_who_is_nobody_is_told_of_by_address(
    api: httpx.AsyncClient, trail: FakeTrail, token: str | None, status: int, code: str
) -> None:
    trail.away = True
    headers = {"x-request-id": "r-1", "authorization": "" if token is None else f"Bearer {token}"}
    for method, path, body in (("GET", CONFLICT, None), ("POST", "/api/sync", {"operations": []})):
        assert (await ask(api, method, path, body, headers)).status_code == status
    first, second = trail.noted
    assert (first.action, first.outcome, first.code, first.user) == (Action.READ_CONFLICT, Outcome.DENIED, code, None)
    assert (first.target_id, first.address, first.municipios) == (examples.CONFLICT_ID, "127.0.0.1", ())
    assert (second.action, second.status) == (Action.SYNC, status)


async def test_who_may_not_is_told_of_by_name(api: httpx.AsyncClient, trail: FakeTrail) -> None:
    assert (await api.get("/api/audit")).status_code == 403
    (noted,) = trail.noted
    assert (noted.action, noted.status, noted.code) == (Action.READ_AUDIT, 403, "forbidden_role")
    assert (noted.user, noted.role, noted.municipios, noted.device_id) == ("ana", "CAMPO", (CUIABA,), "device-1")


async def test_what_is_not_there_is_told_of_too(
    api: httpx.AsyncClient, intake: FakeIntake, readers: FakeReaders, trail: FakeTrail, admin: dict[str, str]
) -> None:
    readers.found = False
    intake.error = ConflictNotFound()
    assert (await api.get("/api/entities/atividade/1", headers=admin)).status_code == 404
    assert (await api.post(f"{CONFLICT}/resolution", json=RESOLUTION, headers=admin)).status_code == 404
    assert [(noted.action, noted.outcome) for noted in trail.noted] == [
        (Action.READ_ENTITY, Outcome.ABSENT),
        (Action.RESOLVE_CONFLICT, Outcome.ABSENT),
    ]


@pytest.mark.parametrize("path", ["/api/events?limit=0", "/api/events?nonsense=1", "/health/live", "/schema"])
async def test_what_shows_nothing_of_anybody_is_not_told_of(
    api: httpx.AsyncClient, trail: FakeTrail, admin: dict[str, str], path: str
) -> None:
    await api.get(path, headers=admin)
    assert (trail.entries, trail.noted) == ([], [])


async def test_a_page_of_no_changes_is_not_told_of(
    api: httpx.AsyncClient, readers: FakeReaders, trail: FakeTrail
) -> None:
    readers.page = msgspec.structs.replace(examples.CHANGES, items=[])
    assert (await api.get("/api/sync/changes")).status_code == 200
    assert (trail.entries, trail.noted) == ([], [])


async def test_a_stream_of_changes_is_told_of_when_it_begins_and_gives_its_place_back_if_it_cannot(
    api: httpx.AsyncClient, trail: FakeTrail
) -> None:
    accept = {"accept": "text/event-stream"}
    trail.away = True
    for _ in range(5):  # there are three places
        assert (await api.get("/api/sync/changes", headers=accept)).json()["code"] == "unavailable"
    trail.away = False
    assert (await api.head("/api/sync/changes", headers=accept)).status_code == 200
    assert [entry.action for entry in trail.entries] == [Action.FOLLOW_CHANGES]


async def test_a_websocket_that_wants_changes_is_told_of_with_its_device(
    tokens: Tokens, intake: FakeIntake, readers: FakeReaders, feed: Feed, trail: FakeTrail
) -> None:
    settings = settings_for(tokens)
    services = Services(
        intake=intake,
        readers=readers,
        feed=feed,
        jobs=FakeJobs(),
        reports=FakeReports(),
        verifier=TokenVerifier(settings),
        audit=trail,
        settings=settings,
    )
    async with feed.running(), greeted(services, tokens.mint(), changes=False):
        assert trail.entries == []
    async with feed.running(), greeted(services, tokens.mint(), changes=True, credit=0):
        (entry,) = trail.entries
        assert (entry.action, entry.device_id, entry.request_id) == (Action.FOLLOW_CHANGES, "device-1", "r-1")
    readers.owner = "somebody-else"
    async with feed.running(), connected(services, tokens.mint()) as device:
        device.say("hello", device_id="device-1", changes=True)
        await device.closed(4403, "device_taken")
    assert [(noted.status, noted.code) for noted in trail.noted] == [(403, "device_taken")]
    readers.owner, trail.away = None, True
    async with feed.running(), connected(services, tokens.mint()) as device:
        device.say("hello", device_id="device-1", changes=True)
        await device.closed(1013, "unavailable")


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ("", "198.51.100.1", "203.0.113.7", "198.51.100.1"),
        ("10.0.0.0/8", "198.51.100.1", "203.0.113.7", "198.51.100.1"),
        ("10.0.0.0/8", "10.1.2.3", None, "10.1.2.3"),
        ("10.0.0.0/8", "10.1.2.3", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.0/8", "10.1.2.3", "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.0/8", "10.1.2.3", "6.6.6.6, 203.0.113.7, 10.9.9.9", "203.0.113.7"),
        ("10.0.0.0/8", "10.1.2.3", "10.7.7.7, 10.9.9.9", "10.7.7.7"),
        ("10.0.0.0/8", "10.1.2.3", "203.0.113.7, nonsense", "10.1.2.3"),
        ("10.0.0.0/8,::1", "::1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.0/8", "::ffff:10.1.2.3", "203.0.113.7:4711", "203.0.113.7"),
        ("10.0.0.1", "10.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("", "::ffff:198.51.100.1", None, "198.51.100.1"),
        ("", "testclient", None, None),
    ],
)
def test_the_client_is_whom_trusted_proxies_name(
    trusted: str, peer: str, forwarded: str | None, client: str | None
) -> None:
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    assert Proxies(trusted).client({"client": (peer, 1234), "headers": headers}) == client


def test_several_headers_are_one_list_and_a_unix_socket_has_no_address() -> None:
    headers = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.7")]
    assert Proxies("10.0.0.0/8").client({"client": ("10.0.0.1", 1), "headers": headers}) == "203.0.113.7"
    assert Proxies("10.0.0.0/8").client({"client": None, "headers": headers}) is None


@pytest.mark.parametrize("trusted", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33"])
def test_a_proxy_that_is_no_address_is_refused_by_the_name_of_its_setting(trusted: str) -> None:
    with pytest.raises(SettingsError, match="TECHDENGUE_TRUSTED_PROXIES"):
        Proxies(trusted)


async def test_an_admin_finds_who_did_what_page_by_page_and_is_told_of_too(
    server: httpx.AsyncClient, tokens: Tokens
) -> None:
    created = operation("audit-1", entity_id="audited")
    device = {"x-device-id": "audited-device"}
    assert (
        await server.post("/api/sync", json={"operations": [created]}, headers=tokens.bearer() | device)
    ).status_code == 200
    analyst = tokens.bearer(Role.VIGILANCIA, CUIABA, user="audited-analyst")
    for _ in range(3):
        assert (await server.get("/api/entities/atividade/audited", headers=analyst)).status_code == 200
    assert (await server.get("/api/audit", headers=analyst)).status_code == 403
    admin = tokens.bearer(Role.ADMIN, CUIABA, user="audited-admin")
    page = await _found(server, admin, "user=audited-analyst&target_type=atividade&target_id=audited&limit=2")
    assert [item["action"] for item in page["items"]] == ["read_entity"] * 2
    assert page["items"][0]["municipios"] == [CUIABA]
    assert page["items"][0]["audit_id"] > page["items"][1]["audit_id"]
    again = f"user=audited-analyst&target_type=atividade&target_id=audited&limit=2&cursor={page['next_cursor']}"
    rest = await _found(server, admin, again)
    assert (len(rest["items"]), rest["has_more"]) == (1, False)
    assert (await _found(server, admin, "user=audited-analyst&action=read_audit&outcome=denied"))["items"]
    assert len((await _found(server, admin, "user=audited-admin&action=read_audit"))["items"]) == 3
    elsewhere = tokens.bearer(Role.ADMIN, VARZEA_GRANDE, user="other-admin")
    assert (await _found(server, elsewhere, "user=audited-analyst"))["items"] == []
    foreign = await server.get(f"/api/audit?municipio={CUIABA}", headers=elsewhere)
    assert (foreign.status_code, foreign.json()["path"]) == (400, "/municipio")
    assert (await server.get("/api/audit?target_id=1", headers=admin)).json()["path"] == "/target_type"
    assert (await _found(server, admin, "user=audited-analyst&until=2020-01-01T00:00:00Z"))["items"] == []


async def _found(server: httpx.AsyncClient, headers: dict[str, str], query: str) -> Any:
    answer = await server.get(f"/api/audit?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_server_is_not_made_without_a_trail(tokens: Tokens) -> None:
    with pytest.raises(TypeError, match="audit"):
        Services(  # type: ignore[call-arg]  # what is shown
            intake=FakeIntake(),
            readers=FakeReaders(),
            feed=Feed(FakeReaders()),
            verifier=TokenVerifier(settings_for(tokens)),
            settings=settings_for(tokens),
        )
