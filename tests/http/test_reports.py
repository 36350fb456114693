"""The calls about reports: what may be ordered, what is answered of what is not ready, and verifying, for anybody."""

import asyncio
import base64
import gzip
import hashlib
import re
import uuid
from typing import Any

import httpx
import msgspec
import pytest

from jobs.errors import KeyReused
from jobs.reports.sheet import Orientation, PageSize, Paper
from techdengue.domain.access import Role
from techdengue.domain.epidemiological_week import EpidemiologicalWeek
from techdengue.http.call import MOST_OF_A_FORM
from techdengue.http.openapi import examples, report_calls
from techdengue.http.reports import MOST_FILE_BYTES

from .conftest import CUIABA, VARZEA_GRANDE, Tokens
from .fakes import FakeReaders, FakeReports

REPORT = f"/api/reports/{report_calls.REPORT.report_id}"
PAGE = f"/verificar/{report_calls.REPORT.report_id}"
HASH = "ab" * 32
PROOF: dict[str, Any] = msgspec.to_builtins(report_calls.PROOF)
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def manager(tokens: Tokens) -> dict[str, str]:
    return tokens.bearer(Role.GESTOR, CUIABA, user="gestora")


async def test_an_order_is_accepted_and_says_where_to_look(
    api: httpx.AsyncClient, reports: FakeReports, manager: dict[str, str]
) -> None:
    body = {"code": "EVD01", "atividade_id": 1, "page_size": "A1", "orientation": "landscape"}
    answer = await api.post("/api/reports", json=body, headers=manager)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/reports/{answer.json()['report_id']}"
    [order] = reports.ordered
    assert (order.municipio, order.atividade_id, order.requested_by) == (CUIABA, "1", "gestora")
    assert (order.paper, order.week) == (Paper(PageSize.A1, Orientation.LANDSCAPE), None)


async def test_a_week_may_be_any_that_has_begun(
    api: httpx.AsyncClient, reports: FakeReports, manager: dict[str, str]
) -> None:
    weekly = {"code": "SEMANAL", "municipio_cod_ibge": CUIABA}
    assert (await api.post("/api/reports", json={**weekly, "year": 2025, "week": 53}, headers=manager)).is_success
    assert (await api.post("/api/reports", json=weekly, headers=manager)).is_success
    first, last = (order.week for order in reports.ordered)
    assert first == EpidemiologicalWeek(2025, 53)
    assert last is not None
    assert last > first


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/code"),
        ({"code": "EVD02"}, "/code"),
        ({"code": "EVD01"}, "/atividade_id"),
        ({"code": "EVD01", "atividade_id": ""}, "/atividade_id"),
        ({"code": "EVD01", "atividade_id": "1\x00"}, "/atividade_id"),
        ({"code": "EVD01", "atividade_id": 1, "week": 3}, "/week"),
        ({"code": "EVD01", "atividade_id": 1, "year": 2026}, "/year"),
        ({"code": "EVD01", "atividade_id": 1, "page_size": "A2"}, "/page_size"),
        ({"code": "EVD01", "atividade_id": 1, "colour": True}, "/colour"),
        ({"code": "EVD01", "atividade_id": 1, "idempotency_key": ""}, "/idempotency_key"),
        ({"code": "EVD01", "atividade_id": 1, "idempotency_key": "a\x00b"}, "/idempotency_key"),
        ({"code": "EVD01", "atividade_id": 1, "idempotency_key": "k" * 256}, "/idempotency_key"),
        ({"code": "SEMANAL"}, "/municipio_cod_ibge"),
        ({"code": "SEMANAL", "municipio_cod_ibge": VARZEA_GRANDE}, "/municipio_cod_ibge"),
        ({"code": "SEMANAL", "municipio_cod_ibge": "5100000"}, "/municipio_cod_ibge"),
        ({"code": "SEMANAL", "municipio_cod_ibge": CUIABA, "atividade_id": 1}, "/atividade_id"),
        ({"code": "SEMANAL", "municipio_cod_ibge": CUIABA, "week": 3}, "/year"),
        ({"code": "SEMANAL", "municipio_cod_ibge": CUIABA, "year": 2025}, "/week"),
        ({"code": "SEMANAL", "municipio_cod_ibge": CUIABA, "year": 2024, "week": 53}, "/week"),
        ({"code": "SEMANAL", "municipio_cod_ibge": CUIABA, "year": 2025, "week": 54}, "/week"),
        ({"code": "SEMANAL", "municipio_cod_ibge": CUIABA, "year": 9998, "week": 1}, "/week"),
        ({"code": "SEMANAL", "municipio_cod_ibge": CUIABA, "year": 1, "week": 1}, "/year"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_where_it_does_not(
    api: httpx.AsyncClient, reports: FakeReports, manager: dict[str, str], body: dict[str, Any], path: str
) -> None:
    answer = await api.post("/api/reports", json=body, headers=manager)
    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (422, "invalid_body", path)
    assert reports.ordered == []


async def test_a_key_that_ordered_another_report_is_refused(
    api: httpx.AsyncClient, reports: FakeReports, manager: dict[str, str]
) -> None:
    body = {"code": "EVD01", "atividade_id": 1, "idempotency_key": "k"}
    assert (await api.post("/api/reports", json=body, headers=manager)).status_code == 202
    assert [order.key for order in reports.ordered] == ["k"]
    reports.error = KeyReused("another")
    answer = await api.post("/api/reports", json=body, headers=manager)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")


async def test_an_activity_that_is_not_there_is_not_found_also_a_deleted_one(
    api: httpx.AsyncClient, readers: FakeReaders, manager: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"code": "EVD01", "atividade_id": 1}
    readers.found = False
    assert (await api.post("/api/reports", json=body, headers=manager)).status_code == 404
    readers.found = True
    monkeypatch.setattr(examples, "DOCUMENT", msgspec.structs.replace(examples.DOCUMENT, deleted=True))
    answer = await api.post("/api/reports", json=body, headers=manager)
    assert (answer.status_code, answer.json()["code"]) == (404, "entity_not_found")


async def test_an_activity_without_verified_evidence_is_refused_at_once_where_that_is_known(
    api: httpx.AsyncClient, reports: FakeReports, manager: dict[str, str]
) -> None:
    body = {"code": "EVD01", "atividade_id": 1}
    reports.verified = 0
    answer = await api.post("/api/reports", json=body, headers=manager)
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing_to_report")
    reports.behind = True  # the projections may not know of it yet: the job waits for them
    assert (await api.post("/api/reports", json=body, headers=manager)).status_code == 202


async def test_a_ready_report_is_downloaded_from_the_store(api: httpx.AsyncClient, reports: FakeReports) -> None:
    answer = await api.get(f"{REPORT}/download")
    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["location"] == f"https://files.example/{report_calls.REPORT.report_id}.pdf"
    answer = await api.get(f"{REPORT}/download?format=json")
    assert (answer.status_code, answer.json()["path"]) == (400, "/format")
    reports.report_told = msgspec.structs.replace(report_calls.REPORT, formats=["pdf", "json"])
    assert (await api.get(f"{REPORT}/download?format=json")).headers["location"].endswith(".json")


async def test_a_report_that_is_not_ready_says_why(api: httpx.AsyncClient, reports: FakeReports) -> None:
    reports.report_told = report_calls.QUEUED
    answer = (await api.get(f"{REPORT}/download")).json()
    assert (answer["status"], answer["code"], answer["report_status"]) == (409, "report_not_ready", "queued")
    why = "the activity has no verified evidence"
    reports.report_told = msgspec.structs.replace(report_calls.QUEUED, status="failed", failure=why)
    answer = (await api.get(f"{REPORT}/download")).json()
    assert (answer["report_status"], answer["detail"]) == ("failed", f"It could not be made: {why}")


@pytest.mark.parametrize("path", ["", "/download", "/proofs/foto-1"])
async def test_what_is_of_no_report_is_not_found(api: httpx.AsyncClient, reports: FakeReports, path: str) -> None:
    reports.found = False
    for report in (REPORT, "/api/reports/7", f"{REPORT}0"):
        answer = await api.get(f"{report}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "report_not_found")


async def test_a_proof_is_of_one_piece_of_evidence(api: httpx.AsyncClient) -> None:
    assert (await api.get(f"{REPORT}/proofs/foto-1")).json() == PROOF
    assert (await api.get(f"{REPORT}/proofs/foto-9")).json()["code"] == "report_not_found"


async def test_a_list_of_another_territory_is_refused(api: httpx.AsyncClient, tokens: Tokens) -> None:
    answer = await api.get(f"/api/reports?municipio={VARZEA_GRANDE}", headers=tokens.bearer(Role.VIGILANCIA))
    assert (answer.status_code, answer.json()["path"]) == (400, "/municipio")


async def test_anybody_may_verify_a_file_by_itself_or_by_its_hash(api: httpx.AsyncClient, reports: FakeReports) -> None:
    del api.headers["authorization"]
    file = b"%PDF-1.7 " + b"x" * 300_000
    answer = await api.post("/api/reports/verify", content=file, headers={"content-type": "application/pdf"})
    assert (answer.status_code, answer.json()["verdict"]) == (200, "genuine")
    assert (await api.post("/api/reports/verify", json={"sha256": HASH})).is_success
    named = report_calls.REPORT.report_id
    assert (await api.post(f"/api/reports/verify?report_id={named}", json={"sha256": HASH})).is_success
    assert reports.asked == [
        (hashlib.sha256(file).hexdigest(), None),
        (HASH, None),
        (HASH, uuid.UUID(named)),
    ]


async def test_anybody_may_verify_a_proof_as_it_was_answered(api: httpx.AsyncClient, reports: FakeReports) -> None:
    del api.headers["authorization"]
    assert (await api.post("/api/reports/verify", json=PROOF)).json()["valid"]
    [(record, inclusion, root, report_id)] = reports.asked
    assert record == PROOF["record"].encode()
    assert (inclusion.index, inclusion.size, [each.hex() for each in inclusion.path]) == (
        PROOF["index"],
        PROOF["tree_size"],
        PROOF["path"],
    )
    assert (root, str(report_id)) == (PROOF["root"], PROOF["report_id"])
    lying = await api.post("/api/reports/verify", json={**PROOF, "leaf_hash": "00" * 32})
    assert lying.json() == {"valid": False, "verdict": "not_included", "report": None}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, None),
        ({"record": "{}"}, None),
        ({"sha256": "AB" * 32}, "/sha256"),
        ({"sha256": HASH, "root": HASH}, "/root"),
        ({**PROOF, "index": -1}, "/index"),
        ({**PROOF, "path": ["00" * 32] * 65}, "/path"),
        ({**PROOF, "path": ["zz"]}, "/path/0"),
        ({**PROOF, "record": "x" * 5000}, "/record"),
        ({**PROOF, "report_id": "7"}, "/report_id"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_where_it_does_not(
    api: httpx.AsyncClient, body: dict[str, Any], path: str | None
) -> None:
    answer = await api.post("/api/reports/verify", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")
    assert (answer.json().get("path") or None) == path


async def test_an_id_with_a_line_break_is_no_reports(api: httpx.AsyncClient) -> None:
    named = f"{report_calls.REPORT.report_id}\n"
    answer = await api.post("/api/reports/verify", params={"report_id": named}, json={"sha256": HASH})
    assert (answer.status_code, answer.json()["path"]) == (400, "/report_id")


@pytest.mark.parametrize("headers", [{}, {"content-encoding": "gzip"}])
async def test_a_question_of_anybody_is_refused_by_its_size_before_it_is_looked_at(
    api: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    del api.headers["authorization"]
    asked = b"[" + b"0," * MOST_OF_A_FORM + b"0]"
    body = gzip.compress(asked) if headers else asked
    answer = await api.post(
        "/api/reports/verify", content=body, headers={**headers, "content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("media_type", ["application/json", "application/pdf"])
async def test_a_body_of_anybody_that_never_ends_is_not_waited_for(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, media_type: str
) -> None:
    del api.headers["authorization"]
    monkeypatch.setattr("techdengue.http.reports.SECONDS_FOR_A_BODY", 0.05)

    async def stalling() -> Any:
        yield b"{"
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        answer = await api.post("/api/reports/verify", content=stalling(), headers={"content-type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


async def test_a_file_too_large_to_be_a_report_is_refused_before_it_is_read_whole(
    api: httpx.AsyncClient, reports: FakeReports
) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent <= MOST_FILE_BYTES + (1 << 22):
            sent += 1 << 20
            yield b"x" * (1 << 20)

    headers = {"content-type": "application/pdf"}
    answer = await api.post("/api/reports/verify", content=endless(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    packed = await api.post("/api/reports/verify", content=b"x", headers={**headers, "content-encoding": "gzip"})
    assert (packed.status_code, packed.json()["code"]) == (415, "unsupported_encoding")
    assert reports.asked == []


async def test_the_page_tells_of_the_report_and_of_nobody(api: httpx.AsyncClient) -> None:
    del api.headers["authorization"]
    answer = await api.get(PAGE, headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    public = report_calls.PUBLIC
    for told in ("EVD01", "Cuiabá — MT (IBGE 5103403)", "15/01/2024 14:30:02", public.sha256, public.root, "3"):
        assert str(told) in answer.text
    for person in (report_calls.REPORT.requested_by, "gestora", "maria"):
        assert str(person) not in answer.text
    assert "://" not in answer.text


async def test_the_page_runs_its_own_script_and_no_other(api: httpx.AsyncClient) -> None:
    answer = await api.get(PAGE, headers=BROWSER)
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    for element, directive in (("style", "style-src"), ("script", "script-src")):
        [content] = re.findall(f"<{element}>(.*?)</{element}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    assert re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)", answer.text) == []
    assert not re.search(r"\son\w+=|style=", answer.text)


async def test_a_browser_gets_a_page_also_of_a_report_that_is_not_there(
    api: httpx.AsyncClient, reports: FakeReports
) -> None:
    reports.found = False
    for path in (PAGE, "/verificar/nonsense"):
        page = await api.get(path, headers=BROWSER)
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "Não há relatório com esta identificação" in page.text
        assert "content-security-policy" in page.headers
        assert (await api.get(path)).json()["code"] == "report_not_found"
