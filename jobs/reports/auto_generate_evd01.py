"""The job auto_generate_evd01: the evidence report of one activity, when it is done or when somebody asks."""

import asyncio
import datetime as dt
import uuid
from typing import Final

import msgspec

from jobs.errors import Permanent
from jobs.model import Counts, Job, Queue, RetryPolicy
from jobs.outbox import ATTEMPTS
from jobs.outbox import AUTO_GENERATE_EVD01 as NAME
from jobs.run import Run
from jobs.storing import store_may_be_away
from techdengue.domain.access import Role

from . import evd01, merkle
from .boundaries import read_boundaries
from .errors import NothingToReport
from .gathering import Gathered, gather
from .keeping import Leaf, Made, Subject, fail, keep, newest_says, store_of, verification_url
from .pictures import pictured
from .record import canonical
from .sheet import Orientation, PageSize, Paper
from .typesetting import typeset


class EvidenceReportByHand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which activity. Without `report_id`, which is of an order: no one else's order fails by what a person starts."""

    municipio_cod_ibge: str
    atividade_id: str
    page_size: PageSize = PageSize.A4
    orientation: Orientation = Orientation.PORTRAIT


class EvidenceReportArguments(EvidenceReportByHand, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """With a `report_id` somebody ordered that report; without, made if it says something new."""

    report_id: uuid.UUID | None = None


async def generate(run: Run, arguments: EvidenceReportArguments) -> Counts:
    """Make it. Counts what it did: `reports`, `evidence`, or why there is none: `without_evidence`, `unchanged`.

    Raises the errors of `jobs.reports.errors`, Transient.
    """
    try:
        with store_may_be_away():
            return await _generate(run, arguments)
    except NothingToReport as error:
        if arguments.report_id is None:
            return {"reports": 0, "without_evidence": 1}
        await fail(run, arguments.report_id, arguments.municipio_cod_ibge, str(error))
        raise
    except Permanent as error:
        if arguments.report_id is not None:
            await fail(run, arguments.report_id, arguments.municipio_cod_ibge, str(error))
        raise


async def _generate(run: Run, arguments: EvidenceReportArguments) -> Counts:
    storage = store_of(run)
    gathered = await gather(run, arguments.municipio_cod_ibge, arguments.atividade_id)
    subject = Subject(code=evd01.CODE, municipio=arguments.municipio_cod_ibge, atividade_id=arguments.atividade_id)
    bare = _source(run, arguments, gathered, [filed.evidence for filed in gathered.files])
    if arguments.report_id is None:
        async with run.services.pool.acquire() as connection:
            if await newest_says(connection, subject, bare.content()):
                return {"reports": 0, "unchanged": 1}
    source = msgspec.structs.replace(bare, evidence=await pictured(run, storage, gathered.files))
    made = await _made(run, arguments, subject, source)
    await run.progress(len(source.evidence) + 1, len(source.evidence) + 1)
    if not await keep(run, made):
        return {"reports": 0, "unchanged": 1}
    return {"reports": 1, "evidence": len(source.evidence)}


def _source(
    run: Run, arguments: EvidenceReportArguments, gathered: Gathered, evidence: list[evd01.Evidence]
) -> evd01.Source:
    report_id = arguments.report_id or uuid.uuid5(run.run_id, evd01.CODE)
    return evd01.Source(
        report_id=report_id,
        asked_by=run.requested_by,
        generated_at=run.services.clock(),
        verification_url=verification_url(run.services.settings, report_id),
        paper=Paper(arguments.page_size, arguments.orientation),
        activity=gathered.activity,
        evidence=evidence,
        unverified=gathered.unverified,
    )


async def _made(run: Run, arguments: EvidenceReportArguments, subject: Subject, source: evd01.Source) -> Made:
    boundaries = await asyncio.to_thread(read_boundaries, run.services.settings.boundaries_file)
    sheet = await asyncio.to_thread(evd01.lay_out, source, boundaries)
    leaves = [
        Leaf(item.record.id, item.object_key, record, merkle.leaf_hash(record))
        for item in source.evidence
        for record in [canonical(item.record)]
    ]
    return Made(
        report_id=source.report_id,
        subject=subject,
        paper=source.paper,
        requested_by=run.requested_by,
        requested_at=run.due_at,
        generated_at=source.generated_at,
        content=source.content(),
        pdf=await typeset(sheet),
        root=merkle.root_of(source.leaves()),
        leaves=leaves,
        asked_for=arguments.report_id is not None,
    )


AUTO_GENERATE_EVD01: Final = Job(
    name=NAME,
    queue=Queue.REPORTS,
    arguments=EvidenceReportArguments,
    handler=generate,
    time_limit=dt.timedelta(minutes=5),
    retry=RetryPolicy(attempts=ATTEMPTS, first=dt.timedelta(seconds=15), longest=dt.timedelta(hours=1)),
    least_role=Role.GESTOR,
    by_hand=EvidenceReportByHand,
    summary="Makes the evidence report EVD01 of an activity.",
)
