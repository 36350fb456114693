"""A report as people see it, what anybody may know of it, and the proof that a piece of evidence is in it."""

from typing import Literal

import msgspec

Code = Literal["EVD01", "SEMANAL"]
State = Literal["queued", "ready", "failed"]
Form = Literal["pdf", "json"]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One report. Hashes are lower-case hexadecimal; times RFC 3339, days `YYYY-MM-DD`."""

    report_id: str
    code: Code
    status: State
    municipio_cod_ibge: str
    atividade_id: int | str | None
    """Of an EVD01."""
    period_start: str | None
    period_end: str | None
    """Of a SEMANAL: the Sunday and the Saturday of its epidemiological week."""
    page_size: str
    orientation: str
    requested_by: str | None
    """None where it was made by itself."""
    requested_at: str
    run_id: str
    """The job run that makes it: `GET /api/jobs/{run_id}`."""
    generated_at: str | None
    root: str | None
    leaves: int
    """How many pieces of evidence the root covers."""
    size_bytes: int | None
    sha256: str | None
    """Of the PDF."""
    formats: list[Form]
    """What can be downloaded."""
    archived: bool
    failure: str | None
    verification_url: str


class PublicReport(msgspec.Struct, frozen=True, kw_only=True):
    """What anybody may know of a report that is ready: nothing of people."""

    report_id: str
    code: Code
    municipio_cod_ibge: str
    municipio_nome: str
    generated_at: str
    root: str | None
    leaves: int
    size_bytes: int
    sha256: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 6962, 2.1.1: hashing `record` and then `path` leads to `root`. Hashes are lower-case hexadecimal."""

    report_id: str
    evidencia_id: int | str
    record: str
    """The canonical record (RFC 8785): its UTF-8 bytes are what is hashed."""
    leaf_hash: str
    index: int
    """From 0, in the order of the evidence's ids."""
    tree_size: int
    path: list[str]
    """From the leaf's sibling up."""
    root: str
