"""What readers ask about reports: lists and single ones in their territory, where the files are, and proofs."""

import datetime as dt
import uuid
from typing import Any, Final

import msgspec

from jobs.statements import load
from projections.cursor import decode_cursor, encode_cursor
from projections.errors import CursorFromElsewhere
from projections.model import Page
from projections.naming import rfc3339, shown_id
from projections.queries import Reader

from .merkle import inclusion_of
from .model import Code, Form, Proof, Report, State

_LIST = load("list_reports")
_READ = load("read_report")
_READ_LEAVES = load("read_report_leaves")
_READ_EVIDENCE_CHECK = load("check_report_activity")
_KEYS: Final[dict[Form, str]] = {"pdf": "object_key", "json": "json_key"}
"""The columns that say where the files are."""


class ReportsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which reports: None means any."""

    code: Code | None = None
    status: State | None = None
    municipio: str | None = None
    atividade_id: str | None = None


class FilePlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a report's file is in the object store."""

    bucket: str
    key: str


class Evidenced(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an activity before its report is made. `behind`: the projections do not know everything yet."""

    verified: int
    behind: bool


async def reports(
    reader: Reader, wanted: ReportsWanted, base_url: str, *, cursor: str | None = None, limit: int = 100
) -> Page[Report]:
    """Reports, newest order first. Raises CursorFromElsewhere."""
    scope = reader.scope("reports", wanted.code, wanted.status, wanted.municipio, wanted.atividade_id)
    below = (None, None) if cursor is None else _place(decode_cursor(scope, cursor, (str, str)))
    municipios = [wanted.municipio] if wanted.municipio is not None else reader.tenants
    rows = await reader.connection.fetch(
        _LIST, municipios, wanted.code, wanted.status, wanted.atividade_id, *below, limit + 1
    )
    shown, has_more = rows[:limit], len(rows) > limit
    last = shown[-1] if has_more else None
    return Page(
        items=[_report(row, base_url) for row in shown],
        next_cursor=last and encode_cursor(scope, last["requested_at"].isoformat(), str(last["report_id"])),
        has_more=has_more,
    )


async def report(reader: Reader, report_id: uuid.UUID, base_url: str) -> Report | None:
    """One report; None where there is no such one in the territory."""
    row = await reader.connection.fetchrow(_READ, report_id)
    return None if row is None else _report(row, base_url)


async def file_place(reader: Reader, report_id: uuid.UUID, form: Form) -> FilePlace | None:
    """Where its file of this form is; None where there is none (yet)."""
    row = await reader.connection.fetchrow(_READ, report_id)
    key = None if row is None else row[_KEYS[form]]
    return None if row is None or key is None else FilePlace(bucket=row["bucket"], key=key)


async def proof(reader: Reader, report_id: uuid.UUID, evidencia_id: str) -> Proof | None:
    """That this evidence is under the report's root; None where it is not, or there is no such report."""
    rows = await reader.connection.fetch(_READ_LEAVES, report_id)
    place = next((number for number, row in enumerate(rows) if row["evidencia_id"] == evidencia_id), None)
    found = await reader.connection.fetchrow(_READ, report_id)
    if place is None or found is None or found["root"] is None:
        return None
    inclusion = inclusion_of([row["leaf_hash"] for row in rows], place)
    return Proof(
        report_id=str(report_id),
        evidencia_id=shown_id(evidencia_id),
        record=rows[place]["record"].decode(),
        leaf_hash=rows[place]["leaf_hash"].hex(),
        index=inclusion.index,
        tree_size=inclusion.size,
        path=[each.hex() for each in inclusion.path],
        root=found["root"].hex(),
    )


async def evidenced(reader: Reader, municipio: str, atividade_id: str) -> Evidenced:
    """Whether an EVD01 of the activity would have anything to say."""
    row = await reader.connection.fetchrow(_READ_EVIDENCE_CHECK, municipio, atividade_id)
    return Evidenced(verified=row["verified"], behind=row["behind"])


def _place(decoded: tuple[Any, ...]) -> tuple[dt.datetime, uuid.UUID]:
    try:
        return dt.datetime.fromisoformat(decoded[0]).astimezone(dt.UTC), uuid.UUID(decoded[1])
    except (ValueError, OverflowError) as error:
        raise CursorFromElsewhere from error


def _report(row: Any, base_url: str) -> Report:
    return Report(
        report_id=str(row["report_id"]),
        code=row["code"],
        status=row["status"],
        municipio_cod_ibge=row["municipio_cod_ibge"],
        atividade_id=None if row["atividade_id"] is None else shown_id(row["atividade_id"]),
        period_start=_day(row["period_start"]),
        period_end=_day(row["period_end"]),
        page_size=row["page_size"],
        orientation=row["orientation"],
        requested_by=row["requested_by"],
        requested_at=rfc3339(row["requested_at"]),
        run_id=str(row["run_id"]),
        generated_at=None if row["generated_at"] is None else rfc3339(row["generated_at"]),
        root=None if row["root"] is None else row["root"].hex(),
        leaves=row["leaves"],
        size_bytes=row["size_bytes"],
        sha256=None if row["sha256"] is None else row["sha256"].hex(),
        formats=[form for form, key in _KEYS.items() if row[key] is not None],
        archived=row["archived_at"] is not None,
        failure=row["failure"],
        verification_url=f"{base_url}{row['report_id']}",
    )


def _day(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()
