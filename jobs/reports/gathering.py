"""What an EVD01 is made of, read from the projections and the table of files, once they have come up to the log."""

import asyncio
import datetime as dt
import json
from typing import Any, Final

import asyncpg
import msgspec

from jobs.errors import Transient
from jobs.run import Run
from jobs.statements import load

from .errors import ActivityNotFound, NothingToReport
from .evd01 import Activity, Evidence
from .pictures import Filed
from .places import Point
from .record import EvidenceRecord

_FOLLOWED = load("followed")
_READ_ACTIVITY = load("read_activity")
_READ_EVIDENCE = load("read_activity_evidence")
_PROJECTIONS: Final = ("atividade", "evidencia")
_WAIT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.1


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """An activity with the files of its verified evidence, in the order of the leaves."""

    activity: Activity
    files: list[Filed]
    unverified: int


async def gather(run: Run, municipio: str, atividade_id: str) -> Gathered:
    """Everything but the pictures. Raises ActivityNotFound, NothingToReport, Transient (the projections are behind)."""
    await projections_caught_up(run.services.pool)
    async with run.services.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        row = await connection.fetchrow(_READ_ACTIVITY, municipio, atividade_id)
        if row is None:
            raise ActivityNotFound
        evidence = await connection.fetch(_READ_EVIDENCE, municipio, atividade_id)
    verified = [_filed(each) for each in evidence if each["verified"]]
    if not verified:
        raise NothingToReport
    return Gathered(
        activity=_activity(municipio, atividade_id, row), files=verified, unverified=len(evidence) - len(verified)
    )


async def projections_caught_up(pool: "asyncpg.Pool[Any]") -> None:
    """Wait until the projections know what was in the log a moment ago. Raises Transient where that takes too long."""
    tail, followed = await pool.fetchrow(_FOLLOWED, _PROJECTIONS)
    deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
    while followed < tail:
        if asyncio.get_running_loop().time() > deadline:
            raise Transient("the projections are behind the log", retry_after=dt.timedelta(seconds=5))
        await asyncio.sleep(_LOOK_SECONDS)
        _, followed = await pool.fetchrow(_FOLLOWED, _PROJECTIONS)


def _activity(municipio: str, atividade_id: str, row: Any) -> Activity:
    return Activity(
        municipio=municipio,
        atividade_id=atividade_id,
        version=row["version"],
        tipo=row["tipo"],
        status=row["status"],
        origem=row["origem"],
        descricao=row["descricao"],
        responsavel=row["usuario_responsavel"],
        position=_position(row),
        iniciado_em=row["iniciado_em"],
        encerrado_em=row["encerrado_em"],
        metadata=json.loads(row["metadata"]) if row["metadata"] else {},
    )


def _filed(row: Any) -> Filed:
    pixels = (row["width"], row["height"]) if row["width"] and row["height"] else None
    return Filed(
        thumbnail_key=row["thumbnail_key"],
        evidence=Evidence(
            record=EvidenceRecord(
                id=row["evidencia_id"],
                hash=row["hash_sha256"],
                size=row["size_bytes"],
                type=row["tipo"],
                captured_at=row["captured_at"],
            ),
            object_key=row["object_key"],
            content_type=row["content_type"],
            position=_position(row),
            pixels=pixels,
            flags=tuple(sorted(row["flags"] or ())),
        ),
    )


def _position(row: Any) -> Point | None:
    longitude, latitude = row["longitude"], row["latitude"]
    return None if longitude is None or latitude is None else (longitude, latitude)
