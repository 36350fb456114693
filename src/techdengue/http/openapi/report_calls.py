"""The calls about reports as the document describes them."""

from typing import Any, Final

from jobs.reports.merkle import inclusion_of, leaf_hash, root_of
from jobs.reports.model import Proof, PublicReport, Report
from jobs.reports.verification import ReportVerification, Verdict
from projections.model import Page
from techdengue.http.reports import DownloadQuery, ReportOrder, ReportsQuery, VerificationAsked, VerifyQuery

from .operation import ALWAYS, CALLED, LISTED, WITH_BODY, Operation

_REPORT_ID: Final = "0192f3a1-c0de-7abc-8def-0123456789ab"
_RECORD: Final = (
    '{"captured_at":"2024-01-15T14:31:07.000000Z","hash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",'
    '"id":"%s","size":3145728,"type":"FOTO"}'
)
_LEAVES: Final = [leaf_hash((_RECORD % name).encode()) for name in ("foto-1", "foto-2", "foto-3")]
_ROOT: Final = root_of(_LEAVES).hex()
_PROVED: Final = inclusion_of(_LEAVES, 0)
_FILE: Final = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"

REPORT: Final = Report(
    report_id=_REPORT_ID,
    code="EVD01",
    status="ready",
    municipio_cod_ibge="5103403",
    atividade_id=1,
    period_start=None,
    period_end=None,
    page_size="A4",
    orientation="portrait",
    requested_by="gestora",
    requested_at="2024-01-15T18:30:00.000000Z",
    run_id="0192f3a1-c0de-7abc-8def-0123456789ac",
    generated_at="2024-01-15T18:30:02.417302Z",
    root=_ROOT,
    leaves=3,
    size_bytes=221_504,
    sha256=_FILE,
    formats=["pdf"],
    archived=False,
    failure=None,
    verification_url=f"https://vigilancia.example/verificar/{_REPORT_ID}",
)
QUEUED: Final = Report(
    report_id=_REPORT_ID,
    code="SEMANAL",
    status="queued",
    municipio_cod_ibge="5103403",
    atividade_id=None,
    period_start="2024-01-07",
    period_end="2024-01-13",
    page_size="A4",
    orientation="portrait",
    requested_by="gestora",
    requested_at="2024-01-15T18:30:00.000000Z",
    run_id="0192f3a1-c0de-7abc-8def-0123456789ac",
    generated_at=None,
    root=None,
    leaves=0,
    size_bytes=None,
    sha256=None,
    formats=[],
    archived=False,
    failure=None,
    verification_url=f"https://vigilancia.example/verificar/{_REPORT_ID}",
)
REPORTS: Final = Page(items=[REPORT], next_cursor=None, has_more=False)
PROOF: Final = Proof(
    report_id=_REPORT_ID,
    evidencia_id="foto-1",
    record=_RECORD % "foto-1",
    leaf_hash=_LEAVES[0].hex(),
    index=_PROVED.index,
    tree_size=_PROVED.size,
    path=[each.hex() for each in _PROVED.path],
    root=_ROOT,
)
PUBLIC: Final = PublicReport(
    report_id=_REPORT_ID,
    code="EVD01",
    municipio_cod_ibge="5103403",
    municipio_nome="Cuiabá",
    generated_at="2024-01-15T18:30:02.417302Z",
    root=_ROOT,
    leaves=3,
    size_bytes=221_504,
    sha256=_FILE,
)
GENUINE: Final = ReportVerification(valid=True, verdict=Verdict.GENUINE, report=PUBLIC)
_PATH: Final[dict[str, str]] = {"id": _REPORT_ID}
_ORDERS: Final[dict[str, Any]] = {
    "evidence of an activity": {"code": "EVD01", "atividade_id": 1, "idempotency_key": "order-1"},
    "a week, on a wall": {
        "code": "SEMANAL",
        "municipio_cod_ibge": "5103403",
        "year": 2024,
        "week": 2,
        "page_size": "A1",
        "orientation": "landscape",
    },
}

REPORT_CALLS: Final = (
    Operation(
        name="report_order",
        method="post",
        path="/api/reports",
        tag="people",
        summary="Order a report",
        description="It is made within seconds: read it until it is `ready` or `failed`; `Location` says where. "
        "The same `idempotency_key` of the same user is the same report, for ever.",
        problem_codes=(
            "municipio_required",
            "entity_not_found",
            "idempotency_key_reused",
            "nothing_to_report",
            *WITH_BODY,
        ),
        body=ReportOrder,
        body_examples=_ORDERS,
        status=202,
        answer=Report,
        answer_text="The report that will be made.",
        answer_examples={"of a week": QUEUED},
    ),
    Operation(
        name="reports",
        method="get",
        path="/api/reports",
        tag="people",
        summary="List reports",
        description="The newest order first.",
        problem_codes=LISTED,
        query=ReportsQuery,
        answer=Page[Report],
        answer_text="Reports of the token's municípios.",
        answer_examples={"one": REPORTS},
    ),
    Operation(
        name="report",
        method="get",
        path="/api/reports/{id}",
        tag="people",
        summary="Read what is known of a report",
        problem_codes=("report_not_found", *CALLED),
        path_examples=_PATH,
        answer=Report,
        answer_text="The report.",
        answer_examples={"evidence": REPORT, "not made yet": QUEUED},
    ),
    Operation(
        name="report_download",
        method="get",
        path="/api/reports/{id}/download",
        tag="people",
        summary="Download a report",
        problem_codes=("invalid_parameter", "report_not_found", "report_not_ready", "no_storage", *CALLED),
        query=DownloadQuery,
        path_examples=_PATH,
        status=307,
        answer_text="The file is where Location says, for five minutes.",
    ),
    Operation(
        name="report_proof",
        method="get",
        path="/api/reports/{id}/proofs/{evidencia_id}",
        tag="people",
        summary="Prove that a piece of evidence is in a report",
        description="An inclusion proof of RFC 6962, 2.1.1, for an EVD01. It stays good when the evidence is deleted.",
        problem_codes=("report_not_found", *CALLED),
        path_examples={**_PATH, "evidencia_id": "foto-1"},
        answer=Proof,
        answer_text="The proof.",
        answer_examples={"the first of three": PROOF},
    ),
    Operation(
        name="report_verify",
        method="post",
        path="/api/reports/verify",
        tag="people",
        summary="Verify a file or a proof",
        description="Send a PDF as it is (`application/pdf`, up to 32 MiB), its SHA-256, or a proof as answered to "
        "you. Nothing is kept of it. The answer tells what anybody may know of the report: nothing of people.",
        problem_codes=(
            "malformed_body",
            "body_too_large",
            "unsupported_media_type",
            "unsupported_encoding",
            "invalid_body",
            "invalid_parameter",
            "overloaded",
            "unavailable",
            *ALWAYS,
        ),
        query=VerifyQuery,
        body=VerificationAsked,
        body_examples={"a file's hash": {"sha256": _FILE}, "a proof": PROOF},
        body_file="application/pdf",
        answer=ReportVerification,
        answer_text="Whether it is so, and of which report.",
        answer_examples={
            "a file of ours": GENUINE,
            "another file": ReportVerification(valid=False, verdict=Verdict.UNKNOWN_FILE, report=None),
        },
    ),
    Operation(
        name="report_page",
        method="get",
        path="/verificar/{id}",
        tag="people",
        summary="The page that a report's QR code leads to",
        description="In Portuguese. It checks a file in the browser. Browsers get a page of the 404 too.",
        problem_codes=("report_not_found", "unavailable", *ALWAYS),
        path_examples=_PATH,
        media_types=("text/html",),
        answer_text="The page.",
        text_examples={"text/html": "<!DOCTYPE html>…"},
    ),
)
