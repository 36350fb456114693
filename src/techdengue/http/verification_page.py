"""`/verificar/{id}`: where the QR code of a report leads. A page in Portuguese that needs nothing from
elsewhere, tells nothing of people, and checks a file in the browser, so that it need not be sent.
"""

import base64
import datetime as dt
import functools
import hashlib
from html import escape
from importlib.resources import files
from string import Template
from typing import Final

from litestar.response.base import ASGIResponse

from jobs.reports.evd01 import TITLE as EVIDENCE_TITLE
from jobs.reports.model import PublicReport
from jobs.reports.weekly import TITLE as WEEKLY_TITLE
from jobs.reports.wording import local_time, municipio, number

from . import media
from .call import Call
from .problems import Problem
from .reports import no_report, report_id_of

_TITLES: Final = {"EVD01": EVIDENCE_TITLE, "SEMANAL": WEEKLY_TITLE}
_FOLDER: Final = files(__package__) / "verification"


async def show(call: Call) -> ASGIResponse:
    """`GET /verificar/{id}`."""
    try:
        report = await call.services.reports.public_report(report_id_of(call))
        if report is None:
            raise no_report()
    except Problem as problem:
        if problem.code != "report_not_found" or not media.prefers_page(call.header(b"accept")):
            raise
        return await call.send(_page("unknown.html"), media.HTML, status=problem.status, headers=_headers())
    return await call.send(_page("report.html", **_facts(report)), media.HTML, headers=_headers())


def _facts(report: PublicReport) -> dict[str, str]:
    shown = {
        "code": report.code,
        "title": _TITLES[report.code],
        "municipio": municipio(report.municipio_cod_ibge),
        "generated": f"{local_time(dt.datetime.fromisoformat(report.generated_at))} (Cuiabá, UTC−4)",
        "report_id": report.report_id,
        "sha256": report.sha256,
        "size": f"{number(report.size_bytes)} bytes",
        "root": report.root or "",
        "leaves": number(report.leaves),
    }
    facts = {name: escape(value) for name, value in shown.items()}
    return {**facts, "integrity": "" if report.root is None else _part("integrity.html").substitute(facts)}


def _page(name: str, **facts: str) -> bytes:
    body = _part(name).substitute(facts)
    styled = {"style": _text("page.css"), "script": _text("check.js") if facts else "", "body": body}
    return _part("page.html").substitute(styled).encode()


@functools.cache
def _headers() -> dict[str, str]:
    """Only the style and the script of this page run, by their hashes; a file is sent nowhere but here."""
    return {
        "content-security-policy": "default-src 'none'; "
        f"style-src '{_source('page.css')}'; script-src '{_source('check.js')}'; connect-src 'self'; "
        "form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-robots-tag": "noindex",
    }


def _source(name: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(_text(name).encode()).digest()).decode()}"


@functools.cache
def _part(name: str) -> Template:
    return Template(_text(name))


@functools.cache
def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
