"""What uploads leave behind that nobody completes is removed, and nothing else is."""

import asyncio
import contextlib
import datetime as dt
import uuid
from typing import Any

import msgspec
import pytest

from jobs.evidence.clean_abandoned_uploads import JOB as CLEAN
from jobs.evidence.describe_evidence import JOB as DESCRIBE
from jobs.model import NoArguments
from jobs.reports import keeping
from jobs.reports.generate_weekly_report import GENERATE_WEEKLY_REPORT, WeeklyReportArguments
from jobs.reports.keeping import REPORTS
from techdengue.dev.seaweedfs import S3Address
from techdengue.storage import Storage, open_storage
from tests.evidence.conftest import Agent
from tests.evidence.making import picture, video
from tests.jobs.conftest import RunJob
from tests.jobs.reports.stage import Stage
from tests.jobs.reports.test_weekly_job import IN_THE_WEEK, SUNDAY_AFTER
from tests.jobs.working import Table
from tests.storage.conftest import address_at
from tests.storage.faulty import Fault, faulty_wire

from .conftest import WorkOff

MIB = 1024 * 1024
DAYS = 14


@pytest.fixture
async def storage(s3: S3Address) -> Any:
    """A store with a bucket of this test's own: what is unknown here is another test's elsewhere."""
    mine = msgspec.structs.replace(address_at(s3), bucket=f"clean-{uuid.uuid4()}")
    async with open_storage(mine, attempt_seconds=10.0) as opened:
        await opened.make_bucket(mine.bucket)
        yield opened


async def keys(table: Table) -> dict[str, str]:
    rows = await table.connection.fetch("SELECT evidencia_id, object_key FROM techdengue.evidence_file")
    return {row["evidencia_id"]: row["object_key"] for row in rows}


async def age(table: Table, evidencia_id: str, days: float) -> None:
    await table.connection.execute(
        "UPDATE techdengue.evidence_file SET started_at = now() - make_interval(secs => $2) WHERE evidencia_id = $1",
        evidencia_id,
        days * 86_400,
    )


async def clean(run_job: RunJob, storage: Storage, *, later: dt.timedelta = dt.timedelta(0)) -> Any:
    return await run_job(CLEAN, NoArguments(), storage=storage, now=dt.datetime.now(dt.UTC) + later)


async def test_uploads_that_nobody_completed_go_and_younger_and_verified_ones_stay(
    agent: Agent, run_job: RunJob, table: Table, storage: Storage, work_off: WorkOff
) -> None:
    verified, whole, half, young = (
        await agent.upload(picture()),
        await agent.evidence(body := picture()),
        await agent.evidence(film := video(6 * MIB), "video/mp4"),
        await agent.evidence(fresh := picture()),
    )
    await work_off(DESCRIBE)
    await agent.send(body, await agent.begin(whole))
    await agent.send(film, await agent.begin(half), 1)
    await agent.send(fresh, await agent.begin(young))
    known = await keys(table)
    for evidencia_id in (verified, whole, half):
        await age(table, evidencia_id, DAYS + 0.01)
    await age(table, young, DAYS - 0.01)
    ending = await clean(run_job, storage)
    assert ending.counts == {"uploads": 2, "unknown_objects": 0, "unknown_multiparts": 0}
    assert (await keys(table)).keys() == {verified, young}
    assert await storage.head(known[whole]) is None
    assert [found async for found in storage.multiparts("evidencias/")] == []
    assert (await agent.ask("GET", half, "upload")).json()["status"] == "none"
    assert len(await agent.fetch(verified)) > 0
    assert len(await agent.fetch(verified, "thumbnail")) > 0
    assert (await agent.complete(young)).status_code == 200
    again = await agent.begin(whole)
    await agent.send(body, again)
    assert (await agent.complete(whole)).status_code == 200


async def test_what_no_row_knows_goes_once_it_is_old_and_what_one_knows_stays(
    agent: Agent, run_job: RunJob, table: Table, storage: Storage, work_off: WorkOff
) -> None:
    verified = await agent.upload(picture())
    await work_off(DESCRIBE)
    known = list((await keys(table)).values())
    lost = [f"evidencias/5103403/{uuid.uuid4()}", f"miniaturas/5103403/{uuid.uuid4()}.jpg"]
    others = f"relatorios/{uuid.uuid4()}"
    for key in (*lost, others):
        await storage.put(key, b"left behind", content_type="text/plain")
    await storage.begin_multipart(f"evidencias/5103403/{uuid.uuid4()}", content_type="video/mp4")
    assert (await clean(run_job, storage)).counts == {"uploads": 0, "unknown_objects": 0, "unknown_multiparts": 0}
    later = dt.timedelta(days=DAYS, minutes=1)
    ending = await clean(run_job, storage, later=later)
    assert ending.counts == {"uploads": 0, "unknown_objects": 2, "unknown_multiparts": 1}
    assert [await storage.head(key) for key in lost] == [None, None]
    assert await storage.head(others) is not None
    assert await storage.head(known[0]) is not None
    assert len(await agent.fetch(verified, "thumbnail")) > 0


async def test_a_file_under_a_reports_root_stays_even_when_no_row_has_it_any_more(
    agent: Agent, run_job: RunJob, table: Table, storage: Storage
) -> None:
    key = f"evidencias/5103403/{uuid.uuid4()}"
    await storage.put(key, b"what a report says", content_type="image/jpeg")
    report = uuid.uuid4()
    await table.connection.execute(
        "SET session_replication_role = replica"
    )  # a leaf without its report: the key counts
    await table.connection.execute(
        "INSERT INTO jobs.report_leaf (report_id, ordinal, municipio_cod_ibge, evidencia_id, object_key, record, "
        "leaf_hash) VALUES ($1, 0, '5103403', 'e', $2, '', sha256('x'))",
        report,
        key,
    )
    ending = await clean(run_job, storage, later=dt.timedelta(days=DAYS, minutes=1))
    assert ending.counts["unknown_objects"] == 0
    assert await storage.head(key) is not None


_KEPT_REPORT = """
INSERT INTO jobs.report (
    report_id, code, status, municipio_cod_ibge, period_start, period_end, page_size, orientation, requested_at, run_id,
    generated_at, content, bucket, object_key, size_bytes, sha256, json_key)
VALUES (gen_random_uuid(), 'SEMANAL', 'ready', '5103403', '2026-11-08', '2026-11-14', 'A4', 'portrait', now(),
    gen_random_uuid(), now(), '', $1, $2, 10, sha256('f'), $3)
"""


async def test_a_report_that_nobody_kept_goes_once_it_is_old_and_a_kept_one_stays_with_its_figures(
    run_job: RunJob, table: Table, storage: Storage
) -> None:
    kept, lost = ([f"{REPORTS}5103403/{uuid.uuid4()}/ab.{form}" for form in ("pdf", "json")] for _ in range(2))
    for key in (*kept, *lost):
        await storage.put(key, b"a report", content_type="application/pdf")
    await table.connection.execute(_KEPT_REPORT, storage.bucket, *kept)
    ending = await clean(run_job, storage, later=dt.timedelta(days=DAYS, minutes=-1))
    assert (ending.counts["unknown_objects"], [key async for key in storage.keys(REPORTS)]) == (0, sorted(kept + lost))
    ending = await clean(run_job, storage, later=dt.timedelta(days=DAYS, minutes=1))
    assert (ending.counts["unknown_objects"], [key async for key in storage.keys(REPORTS)]) == (2, sorted(kept))


async def test_a_report_whose_worker_was_killed_before_its_commit_is_such_a_one(
    run_job: RunJob, table: Table, storage: Storage
) -> None:
    async def killed(*_: Any) -> bool:
        raise asyncio.CancelledError  # as a kill does: nothing after it is run

    stage = Stage(table.connection, storage)
    await stage.activity(created=IN_THE_WEEK)
    week: dict[str, Any] = {"now": SUNDAY_AFTER, "due_at": SUNDAY_AFTER, "storage": storage}
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(asyncio.CancelledError):
        patch.setattr(keeping, "_commit", killed)
        await run_job(GENERATE_WEEKLY_REPORT, WeeklyReportArguments(), **week)
    assert await stage.reports("SEMANAL") == []
    left = [key async for key in storage.keys(REPORTS)]
    assert sorted(key.rpartition(".")[2] for key in left) == ["json", "pdf"]
    await table.connection.execute("DELETE FROM jobs.run")
    await run_job(GENERATE_WEEKLY_REPORT, WeeklyReportArguments(), **week)
    [report] = await stage.reports("SEMANAL")
    ending = await clean(run_job, storage, later=dt.timedelta(days=DAYS, minutes=1))
    assert ending.counts["unknown_objects"] == 2
    assert [key async for key in storage.keys(REPORTS)] == sorted([report["object_key"], report["json_key"]])


async def test_many_go_in_batches_and_a_store_that_is_away_leaves_the_rest_for_later(
    agent: Agent, run_job: RunJob, table: Table, storage: Storage, s3: S3Address
) -> None:
    await table.connection.execute(
        "INSERT INTO techdengue.evidence_file (municipio_cod_ibge, evidencia_id, object_key, size_bytes, hash_sha256, "
        "content_type, started_by, started_at) SELECT '5103403', 'm-' || n, 'evidencias/5103403/m-' || n, 7, "
        "repeat('ab', 32), 'image/jpeg', 'ana', now() - interval '15 days' FROM generate_series(1, 1200) AS n"
    )
    async with faulty_wire(s3) as wire, open_storage(address_at(wire.address), attempt_seconds=0.3) as behind:
        wire.fault = Fault.UNAVAILABLE
        ending = await clean(run_job, behind)
    assert (ending.outcome, ending.error) == ("retried", "Transient: the object store is away")
    await table.connection.execute("DELETE FROM jobs.run")
    ending = await clean(run_job, storage)
    assert ending.counts["uploads"] == 700
    assert await keys(table) == {}
