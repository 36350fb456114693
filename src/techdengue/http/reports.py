"""The calls about reports: order, list, read, download, prove; and verify, which anybody may."""

import asyncio
import contextlib
import datetime as dt
import hashlib
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar.response.base import ASGIResponse

from jobs.errors import KeyReused
from jobs.reports import Order, ReportsWanted
from jobs.reports.merkle import Inclusion, leaf_hash
from jobs.reports.model import Code, Report, State
from jobs.reports.sheet import Orientation, PageSize, Paper
from jobs.reports.verification import ReportVerification, Verdict
from jobs.reports.wording import CUIABA
from techdengue.domain.epidemiological_week import EpidemiologicalWeek, week_of, weeks_in
from techdengue.domain.municipios import MUNICIPIOS

from . import media
from .call import Call
from .problems import Problem
from .reading import Limit, Municipio

MOST_FILE_BYTES: Final = 32 * 1024 * 1024
"""Of a PDF that is sent to be verified: many times the largest that was ever made."""
SECONDS_FOR_A_BODY: Final = 60.0
"""Of a call that is anybody's: without a token, nobody is known who could be told to hold fewer connections."""
_PDF: Final = "application/pdf"
_MOST_PATH: Final = 64
_LONGEST_RECORD: Final = 4096
_LONGEST_KEY: Final = 255

Hex64 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$", max_length=64)]
ReportId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", max_length=36)]


class ReportOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Body of `POST /api/reports`. EVD01: `atividade_id`, and the município where the id exists in several of the
    token's. SEMANAL: the município, `year` and `week` (epidemiological; both or neither: the one that ended last).
    The same `idempotency_key` of the same user is the same report."""

    code: Code
    municipio_cod_ibge: Municipio | None = None
    atividade_id: int | Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    year: Annotated[int, msgspec.Meta(ge=2, le=9998)] | None = None
    week: Annotated[int, msgspec.Meta(ge=1, le=53)] | None = None
    page_size: PageSize = PageSize.A4
    orientation: Orientation = Orientation.PORTRAIT
    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_KEY)] | None = None


class ReportsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `GET /api/reports`."""

    code: Code | None = None
    status: State | None = None
    municipio: Municipio | None = None
    atividade_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    cursor: str | None = None
    limit: Limit = 100


class DownloadQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `GET /api/reports/{id}/download`."""

    format: Literal["pdf", "json"] = "pdf"


class VerifyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `POST /api/reports/verify`: the report that a file is to be of, any where there is none."""

    report_id: ReportId | None = None


class VerificationAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """JSON body of `POST /api/reports/verify`: `sha256` of a file, or a proof as the proof's call answers it."""

    sha256: Hex64 | None = None
    report_id: ReportId | None = None
    evidencia_id: int | str | None = None
    record: Annotated[str, msgspec.Meta(max_length=_LONGEST_RECORD)] | None = None
    leaf_hash: Hex64 | None = None
    index: Annotated[int, msgspec.Meta(ge=0)] | None = None
    tree_size: Annotated[int, msgspec.Meta(ge=1)] | None = None
    path: Annotated[list[Hex64], msgspec.Meta(max_length=_MOST_PATH)] | None = None
    root: Hex64 | None = None


async def order_report(call: Call) -> ASGIResponse:
    """`POST /api/reports`."""
    wanted = await call.read_as(ReportOrder, "an order")
    key = wanted.idempotency_key
    _refuse_field(key is not None and "\x00" in key, "/idempotency_key", "a key has no NUL")
    paper = Paper(wanted.page_size, wanted.orientation)
    order = await _evidence_order(call, wanted, paper) if wanted.code == "EVD01" else _weekly_order(call, wanted, paper)
    call.concerns(order.municipio)
    try:
        report = await call.services.reports.order(call.caller, msgspec.structs.replace(order, key=key))
    except KeyReused as error:
        raise Problem("idempotency_key_reused", "With this key you ordered another report") from error
    return await call.answer(report, status=202, headers={"location": f"/api/reports/{report.report_id}"})


async def list_reports(call: Call) -> ASGIResponse:
    """`GET /api/reports`."""
    wanted = call.query(ReportsQuery)
    if wanted.municipio is not None and not call.caller.may_touch(wanted.municipio):
        why = f"your token does not name município {wanted.municipio}"
        raise Problem("invalid_parameter", why, path="/municipio")
    if wanted.municipio is not None:
        call.concerns(wanted.municipio)
    filters = ReportsWanted(
        code=wanted.code, status=wanted.status, municipio=wanted.municipio, atividade_id=wanted.atividade_id
    )
    page = await call.services.reports.reports(call.caller, filters, cursor=wanted.cursor, limit=wanted.limit)
    return await call.answer(page)


async def read_report(call: Call) -> ASGIResponse:
    """`GET /api/reports/{id}`."""
    return await call.answer(await _found(call, report_id_of(call)))


async def download_report(call: Call) -> ASGIResponse:
    """`GET /api/reports/{id}/download`: to where the file can be had for some minutes."""
    wanted = call.query(DownloadQuery)
    report_id = report_id_of(call)
    report = await _found(call, report_id)
    if report.status != "ready":
        why = "It is being made" if report.failure is None else f"It could not be made: {report.failure}"
        raise Problem("report_not_ready", why, report_status=report.status)
    if wanted.format not in report.formats:
        raise Problem("invalid_parameter", f"it comes as {', '.join(report.formats)}", path="/format")
    address = await call.services.reports.download(call.caller, report_id, wanted.format)
    return media.Answer(307, {"location": address, "cache-control": "no-store", "content-length": "0"}, b"")


async def read_proof(call: Call) -> ASGIResponse:
    """`GET /api/reports/{id}/proofs/{evidencia_id}`."""
    report_id = report_id_of(call)
    await _found(call, report_id)
    proof = await call.services.reports.proof(call.caller, report_id, call.path("evidencia_id"))
    if proof is None:
        raise Problem("report_not_found", "The report does not cover this evidence")
    return await call.answer(proof)


async def verify(call: Call) -> ASGIResponse:
    """`POST /api/reports/verify`: of a PDF, its hash, or a proof."""
    if call.header(b"content-type").partition(";")[0].strip().lower() == _PDF:
        report_id = call.query(VerifyQuery).report_id
        async with _in_time():
            sha256 = await _hash_of_body(call)
        return await call.answer(await call.services.reports.verify_file(sha256, _uuid(report_id)))
    async with _in_time():
        asked = await call.read_as(VerificationAsked, "a question")
    report_id = call.query(VerifyQuery).report_id or asked.report_id
    if asked.sha256 is not None:
        _refuse_others(asked, "record", "index", "tree_size", "path", "root", "leaf_hash")
        found = await call.services.reports.verify_file(bytes.fromhex(asked.sha256), _uuid(report_id))
        return await call.answer(found)
    return await call.answer(await _verify_proof(call, asked, _uuid(report_id)))


async def _found(call: Call, report_id: uuid.UUID) -> Report:
    report = await call.services.reports.report(call.caller, report_id)
    if report is None:
        raise no_report()
    call.concerns(report.municipio_cod_ibge)
    return report


def report_id_of(call: Call) -> uuid.UUID:
    """The path's `id`. Raises Problem 404 where no report can have it."""
    try:
        return uuid.UUID(call.path("id"))
    except ValueError as error:
        raise Problem("report_not_found", "A report's id is a UUID") from error


def no_report() -> Problem:
    """A 404: nothing is known of it here."""
    return Problem("report_not_found", "No such report in the token's municípios")


async def _evidence_order(call: Call, wanted: ReportOrder, paper: Paper) -> Order:
    _refuse_field(wanted.year is not None, "/year", "an EVD01 has no year; leave it out")
    _refuse_field(wanted.week is not None, "/week", "an EVD01 has no week; leave it out")
    _refuse_field(wanted.atividade_id is None, "/atividade_id", "atividade_id is required of an EVD01")
    atividade_id = str(wanted.atividade_id)
    found = await call.services.readers.entity(call.caller, "atividade", atividade_id, wanted.municipio_cod_ibge)
    if found is None or found.deleted:
        raise Problem("entity_not_found", "No atividade with this id in the token's municípios")
    evidenced = await call.services.reports.evidenced(call.caller, found.municipio_cod_ibge, atividade_id)
    if evidenced.verified == 0 and not evidenced.behind:
        raise Problem("nothing_to_report", "The atividade has no evidence whose upload was verified")
    return Order(
        municipio=found.municipio_cod_ibge, requested_by=call.caller.user, paper=paper, atividade_id=atividade_id
    )


def _weekly_order(call: Call, wanted: ReportOrder, paper: Paper) -> Order:
    _refuse_field(wanted.atividade_id is not None, "/atividade_id", "a SEMANAL has no atividade_id; leave it out")
    municipio = wanted.municipio_cod_ibge
    if municipio is None or municipio not in MUNICIPIOS or not call.caller.may_touch(municipio):
        why = "a SEMANAL needs the IBGE code of a município that the token names"
        raise Problem("invalid_body", why, path="/municipio_cod_ibge")
    return Order(municipio=municipio, requested_by=call.caller.user, paper=paper, week=_week(wanted))


def _week(wanted: ReportOrder) -> EpidemiologicalWeek:
    this = week_of(dt.datetime.now(CUIABA).date())
    if wanted.year is None and wanted.week is None:
        return week_of(this.first_day - dt.timedelta(days=1))
    _refuse_field(wanted.year is None, "/year", "a week needs its year")
    _refuse_field(wanted.week is None, "/week", "a year needs a week of it")
    assert wanted.year is not None  # noqa: S101 - refused just now
    assert wanted.week is not None  # noqa: S101 - the same
    week = EpidemiologicalWeek(wanted.year, wanted.week)
    _refuse_field(week.number > weeks_in(week.year), "/week", f"{week.year} has {weeks_in(week.year)} weeks")
    _refuse_field(week > this, "/week", "this week has not begun")
    return week


@contextlib.asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """Raises Problem 400 where a body does not come to its end."""
    try:
        async with asyncio.timeout(SECONDS_FOR_A_BODY):
            yield
    except TimeoutError as error:
        raise Problem("malformed_body", f"The body did not come within {SECONDS_FOR_A_BODY:.0f} s") from error


async def _hash_of_body(call: Call) -> bytes:
    if call.header(b"content-encoding") not in ("", "identity"):
        raise Problem("unsupported_encoding", "Send the file as it is", headers={"accept-encoding": "identity"})
    digest, size = hashlib.sha256(), 0
    async for chunk in call.chunks():
        size += len(chunk)
        if size > MOST_FILE_BYTES:
            raise Problem("body_too_large", f"A file to verify may have {MOST_FILE_BYTES} bytes; send its SHA-256")
        digest.update(chunk)
    return digest.digest()


async def _verify_proof(call: Call, asked: VerificationAsked, report_id: uuid.UUID | None) -> ReportVerification:
    record, index, size, path, root = asked.record, asked.index, asked.tree_size, asked.path, asked.root
    if record is None or index is None or size is None or path is None or root is None:
        why = "send sha256 of a file, or a proof: record, index, tree_size, path and root"
        raise Problem("invalid_body", why, path="")
    if asked.leaf_hash is not None and bytes.fromhex(asked.leaf_hash) != leaf_hash(record.encode()):
        return ReportVerification(valid=False, verdict=Verdict.NOT_INCLUDED, report=None)
    inclusion = Inclusion(index=index, size=size, path=tuple(map(bytes.fromhex, path)))
    return await call.services.reports.verify_proof(record.encode(), inclusion, bytes.fromhex(root), report_id)


def _refuse_others(asked: Any, *names: str) -> None:
    for name in names:
        _refuse_field(getattr(asked, name) is not None, f"/{name}", f"{name} is of a proof; sha256 is of a file")


def _refuse_field(wrong: bool, path: str, why: str) -> None:
    if wrong:
        raise Problem("invalid_body", why, path=path)


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return None if text is None else uuid.UUID(text)
    except ValueError as error:  # a pattern's end is also before a last line break
        raise Problem("invalid_parameter", "a report's id is a UUID", path="/report_id") from error
