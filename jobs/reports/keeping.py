"""Keeps a report that was made: files in the store, then its row, its leaves and the word about it in one commit."""

import datetime as dt
import hashlib
import uuid
from typing import Any, Final

import asyncpg
import msgspec

from jobs.enqueue import enqueue
from jobs.model import Origin
from jobs.push.notify_report_ready import NOTIFY_REPORT_READY, ReportReady
from jobs.run import Run
from jobs.statements import load
from techdengue.settings import Settings
from techdengue.storage import Storage

from .errors import StoreMissing
from .model import Code
from .sheet import Paper

_HOLD = load("hold_reports")
_FIND_NEWEST = load("find_newest_report")
_KEEP = load("keep_report")
_ADD_LEAVES = load("add_report_leaves")
_IS_KEPT = load("is_report_file")
_FAIL = load("fail_report")
REPORTS: Final = "reports/"
"""What the keys of reports begin with."""
_PDF: Final = "application/pdf"
_JSON: Final = "application/json"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is of: an activity, or a week of a município."""

    code: Code
    municipio: str
    atividade_id: str | None = None
    period_start: dt.date | None = None
    period_end: dt.date | None = None

    def lock_name(self) -> str:
        """Whose reports are compared with one another."""
        return f"{self.code}/{self.municipio}/{self.atividade_id or ''}/{self.period_start or ''}"


class Leaf(msgspec.Struct, frozen=True):
    """One piece of evidence under the root."""

    evidencia_id: str
    object_key: str
    record: bytes
    leaf_hash: bytes


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A report before it is kept. `content` is the digest of what it says."""

    report_id: uuid.UUID
    subject: Subject
    paper: Paper
    requested_by: str | None
    requested_at: dt.datetime
    generated_at: dt.datetime
    content: bytes
    pdf: bytes
    json: bytes | None = None
    root: bytes | None = None
    leaves: list[Leaf] = []
    asked_for: bool
    """Somebody waits for this very report; else one that says the same may stand in for it."""


def verification_url(settings: Settings, report_id: uuid.UUID) -> str:
    """Where anybody can check a report."""
    public = settings.public_url or f"http://{settings.host}:{settings.port}"
    return f"{public.rstrip('/')}/verificar/{report_id}"


def store_of(run: Run) -> Storage:
    """The object store. Raises StoreMissing."""
    if run.services.storage is None:
        raise StoreMissing
    return run.services.storage


async def newest_says(connection: "asyncpg.Connection[Any]", subject: Subject, content: bytes) -> bool:
    """Whether the newest report of this says just that."""
    row = await connection.fetchrow(
        _FIND_NEWEST, subject.municipio, subject.code, subject.atividade_id, subject.period_start
    )
    return row is not None and row["content"] == content


async def keep(run: Run, made: Made) -> bool:
    """Store the files and commit the report; False where there is one already, and nothing is left of this.

    Raises StorageAway. The key names the bytes: an attempt that was given up by its worker can never change what
    another one committed. What a killed one leaves in the store, clean_abandoned_uploads removes.
    """
    storage, digest = store_of(run), hashlib.sha256(made.pdf)
    stem = f"{REPORTS}{made.subject.municipio}/{made.report_id}/{digest.hexdigest()[:32]}"
    key, json_key = f"{stem}.pdf", None if made.json is None else f"{stem}.json"
    await storage.put(key, made.pdf, content_type=_PDF)
    if made.json is not None and json_key is not None:
        await storage.put(json_key, made.json, content_type=_JSON)
    async with run.services.pool.acquire() as connection:
        async with connection.transaction():
            kept = await _commit(connection, run, made, storage.bucket, key, digest.digest(), json_key)
        if not kept and not await connection.fetchval(_IS_KEPT, made.report_id, key):
            await storage.delete_many([each for each in (key, json_key) if each is not None])
    return kept


async def fail(run: Run, report_id: uuid.UUID, municipio: str, why: str) -> None:
    """Say of a report that was asked for that it will not be made."""
    await run.services.pool.execute(_FAIL, report_id, municipio, why)


async def _commit(
    connection: "asyncpg.Connection[Any]",
    run: Run,
    made: Made,
    bucket: str,
    key: str,
    sha256: bytes,
    json_key: str | None,
) -> bool:
    subject = made.subject
    await connection.execute(_HOLD, subject.lock_name())
    if not made.asked_for and await newest_says(connection, subject, made.content):
        return False
    row = await connection.fetchrow(
        _KEEP,
        made.report_id,
        subject.code,
        subject.municipio,
        subject.atividade_id,
        subject.period_start,
        subject.period_end,
        made.paper.size.value,
        made.paper.orientation.value,
        made.requested_by,
        made.requested_at,
        run.run_id,
        made.generated_at,
        made.content,
        made.root,
        len(made.leaves),
        bucket,
        key,
        len(made.pdf),
        sha256,
        json_key,
    )
    if row is None:
        return False
    if made.leaves:
        columns = zip(*(msgspec.structs.astuple(leaf) for leaf in made.leaves), strict=True)
        await connection.execute(_ADD_LEAVES, made.report_id, subject.municipio, *map(list, columns))
    await enqueue(
        connection,
        NOTIFY_REPORT_READY,
        ReportReady(made.report_id),
        key=str(made.report_id),
        origin=Origin.JOB,
        requested_by=made.requested_by,
        municipio=subject.municipio,
    )
    return True
