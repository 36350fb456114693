"""Whether a file or a proof is of a report of ours: what anybody may ask, and the answer, which names no person."""

import enum
import uuid
from typing import Any

import asyncpg
import msgspec

from jobs.statements import load
from projections.naming import rfc3339
from projections.queries import territory
from techdengue.domain.municipios import MUNICIPIOS

from .merkle import Inclusion, includes, leaf_hash
from .model import PublicReport

_FIND = load("find_reports_to_verify")
_EVERYWHERE = frozenset({"*"})
"""Anybody may check any report: the queries give away only what `PublicReport` has."""


class Verdict(enum.StrEnum):
    """What became of the question."""

    GENUINE = "genuine"
    """The file is that of the report, byte for byte."""
    UNKNOWN_FILE = "unknown_file"
    """No report of ours has this file: it was changed, or is another."""
    INCLUDED = "included"
    """The record is under the root, and the root is a report's."""
    UNKNOWN_ROOT = "unknown_root"
    """The record is under the root, but no report of ours has that root."""
    NOT_INCLUDED = "not_included"
    """The proof does not lead from the record to the root."""


class ReportVerification(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `valid` is true of `genuine` and `included` alone."""

    valid: bool
    verdict: Verdict
    report: PublicReport | None


async def public_report(connection: "asyncpg.Connection[Any]", report_id: uuid.UUID) -> PublicReport | None:
    """What anybody may know of it; None where there is no such report that is ready."""
    return await _find(connection, report_id, None, None)


async def verify_file(
    connection: "asyncpg.Connection[Any]", sha256: bytes, report_id: uuid.UUID | None = None
) -> ReportVerification:
    """Whose file this is; with `report_id`, whether it is that report's."""
    report = await _find(connection, report_id, sha256, None)
    verdict = Verdict.UNKNOWN_FILE if report is None else Verdict.GENUINE
    return ReportVerification(valid=report is not None, verdict=verdict, report=report)


async def verify_proof(
    connection: "asyncpg.Connection[Any]",
    record: bytes,
    inclusion: Inclusion,
    root: bytes,
    report_id: uuid.UUID | None = None,
) -> ReportVerification:
    """Whether the record is under the root, and whose the root is."""
    if not includes(root, leaf_hash(record), inclusion):
        return ReportVerification(valid=False, verdict=Verdict.NOT_INCLUDED, report=None)
    report = await _find(connection, report_id, None, root)
    if report is None or report.leaves != inclusion.size:
        return ReportVerification(valid=False, verdict=Verdict.UNKNOWN_ROOT, report=None)
    return ReportVerification(valid=True, verdict=Verdict.INCLUDED, report=report)


async def _find(
    connection: "asyncpg.Connection[Any]", report_id: uuid.UUID | None, sha256: bytes | None, root: bytes | None
) -> PublicReport | None:
    async with territory(connection, _EVERYWHERE) as reader:
        row = await reader.connection.fetchrow(_FIND, report_id, sha256, root)
    if row is None:
        return None
    return PublicReport(
        report_id=str(row["report_id"]),
        code=row["code"],
        municipio_cod_ibge=row["municipio_cod_ibge"],
        municipio_nome=MUNICIPIOS.get(row["municipio_cod_ibge"], row["municipio_cod_ibge"]),
        generated_at=rfc3339(row["generated_at"]),
        root=None if row["root"] is None else row["root"].hex(),
        leaves=row["leaves"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"].hex(),
    )
