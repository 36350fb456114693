"""The job describe_evidence: what a verified picture shows of itself, once it is verified.

Where its activity is done already, the report that the activity got is due again: it lacks this file. Whoever completes
the activity after the file was verified finds it; so nobody has to look at both at once.
"""

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import msgspec

from jobs.enqueue import enqueue
from jobs.errors import Permanent
from jobs.model import Counts, Job, Origin, Queue, RetryPolicy
from jobs.outbox import ATTEMPTS, DESCRIBE_EVIDENCE, EvidenceVerified
from jobs.reports.auto_generate_evd01 import AUTO_GENERATE_EVD01, EvidenceReportArguments
from jobs.run import Run
from jobs.statements import load
from jobs.storing import store_may_be_away, store_of
from techdengue.domain.access import Role
from techdengue.storage import NoSuchObject, Storage

from .distance import metres_between

GPS_FAR: Final = "gps_far"
THUMBNAILS: Final = "miniaturas/"
REPORT_AFTER: Final = dt.timedelta(seconds=60)
"""Photos of one activity come together: the report is made once for those of a minute."""

if TYPE_CHECKING:
    from .looking import Look

_READ: Final = load("read_file_to_describe")
_READ_DOCUMENT: Final = load("read_document")
_DESCRIBE: Final = load("describe_file")


class _Point(msgspec.Struct, frozen=True):
    coordinates: tuple[float, ...]


class _Activity(msgspec.Struct, frozen=True):
    status: str | None = None
    localizacao: _Point | None = None


class _Said(msgspec.Struct, frozen=True):
    atividade_id: int | str


async def describe(run: Run, arguments: EvidenceVerified) -> Counts:
    """Make the thumbnail, note what the camera noted, and flag what does not fit. Raises Transient, Permanent."""
    services, municipio = run.services, arguments.municipio_cod_ibge
    storage = store_of(run)
    row = await services.pool.fetchrow(_READ, municipio, arguments.evidencia_id)
    if row is None or row["status"] != "verified" or row["document"] is None:
        return {"gone": 1}
    key: str = row["object_key"]
    atividade_id = str(msgspec.json.decode(row["document"], type=_Said).atividade_id)
    look = await _look(storage, key, row["sniffed_type"])
    thumbnail_key = await _keep(storage, key, look)
    async with services.pool.acquire() as connection, connection.transaction():
        activity = await _activity(connection, municipio, atividade_id)
        flags = [*look.flags, *_far(look, activity, services.settings.evidence_gps_metres)]
        seen = (look.width, look.height, look.captured_at, look.longitude, look.latitude, look.orientation, flags)
        if await connection.fetchval(_DESCRIBE, key, thumbnail_key, *seen) is None:
            return {"gone": 1}
        reports = activity is not None and activity.status == "CONCLUIDA"
        if reports:
            await _order_report(run, connection, municipio, atividade_id)
    return {"described": 1, "thumbnails": int(thumbnail_key is not None), "flags": len(flags), "reports": int(reports)}


async def _look(storage: Storage, key: str, sniffed_type: str | None) -> "Look":
    from .looking import Look, look_at  # Pillow: only a worker needs it

    if not (sniffed_type or "").startswith("image/"):
        return Look()
    try:
        with store_may_be_away():
            content = await storage.get(key)
    except NoSuchObject as error:
        raise Permanent("the file is not in the object store") from error
    return await asyncio.to_thread(look_at, content)


async def _keep(storage: Storage, key: str, look: "Look") -> str | None:
    """Store the thumbnail under the key that belongs to its file; None where there is none."""
    if look.thumbnail is None:
        return None
    thumbnail_key = f"{THUMBNAILS}{key.partition('/')[2]}.jpg"
    with store_may_be_away():
        await storage.put(thumbnail_key, look.thumbnail, content_type="image/jpeg")
    return thumbnail_key


async def _activity(connection: Any, municipio: str, atividade_id: str) -> _Activity | None:
    document = await connection.fetchval(_READ_DOCUMENT, municipio, f"atividade/{atividade_id}")
    return None if document is None else msgspec.json.decode(document, type=_Activity)


def _far(look: "Look", activity: _Activity | None, metres: float) -> tuple[str, ...]:
    if look.longitude is None or look.latitude is None or activity is None or activity.localizacao is None:
        return ()
    longitude, latitude = activity.localizacao.coordinates[:2]
    apart = metres_between((look.longitude, look.latitude), (longitude, latitude))
    return (GPS_FAR,) if apart > metres else ()


async def _order_report(run: Run, connection: Any, municipio: str, atividade_id: str) -> None:
    slot = int(run.services.clock().timestamp() // REPORT_AFTER.total_seconds()) + 1
    await enqueue(
        connection,
        AUTO_GENERATE_EVD01,
        EvidenceReportArguments(municipio_cod_ibge=municipio, atividade_id=atividade_id),
        key=f"{municipio}/{atividade_id}/evidence/{slot}",
        origin=Origin.JOB,
        due_at=dt.datetime.fromtimestamp(slot * REPORT_AFTER.total_seconds(), dt.UTC),
        requested_by=run.requested_by,
        municipio=municipio,
    )


JOB: Final = Job(
    name=DESCRIBE_EVIDENCE,
    queue=Queue.REPORTS,
    arguments=EvidenceVerified,
    handler=describe,
    time_limit=dt.timedelta(minutes=2),
    retry=RetryPolicy(attempts=ATTEMPTS, first=dt.timedelta(seconds=2), longest=dt.timedelta(minutes=30)),
    summary="Looks at a verified file: thumbnail, EXIF, and whether it was taken near its activity.",
    least_role=Role.ADMIN,
)
