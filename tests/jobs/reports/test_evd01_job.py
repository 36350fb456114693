"""auto_generate_evd01: one report for what is new, in the store and under its root, whatever is missing or breaks."""

import asyncio
import datetime as dt
import hashlib
import io
import uuid
from typing import Any

import asyncpg
import msgspec
import pytest
from pypdf import PdfReader

from jobs import JobServices, Origin
from jobs.claims import claim
from jobs.reports import gathering
from jobs.reports.auto_generate_evd01 import AUTO_GENERATE_EVD01, EvidenceReportArguments
from jobs.reports.merkle import leaf_hash, root_of
from jobs.reports.ordering import Order, order
from jobs.reports.pictures import GONE, UNREADABLE
from jobs.reports.sheet import Orientation, PageSize, Paper
from jobs.wrapper import execute, run_of
from techdengue.settings import Settings
from techdengue.storage import Storage, StorageAway
from tests.jobs.conftest import QueueRun, RunJob

from .pdfa import findings
from .samples import CUIABA, MADE_AT, photo
from .stage import Stage
from .test_sheets import in_one_line

ARGUMENTS = EvidenceReportArguments(municipio_cod_ibge=CUIABA, atividade_id="a-1")
A4 = Paper()
LATER = MADE_AT + dt.timedelta(days=1)


async def text_in(storage: Storage, report: Any) -> str:
    pdf = await storage.get(report["object_key"], bucket=report["bucket"])
    return in_one_line(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


async def asked(jobs_pool: "asyncpg.Pool[Any]", paper: Paper = A4) -> uuid.UUID:
    wanted = Order(municipio=CUIABA, requested_by="gestora", paper=paper, atividade_id="a-1")
    async with jobs_pool.acquire() as connection:
        return await order(connection, wanted, MADE_AT)


async def work(jobs_pool: "asyncpg.Pool[Any]", settings: Settings, storage: Storage | None) -> list[str]:
    """Run every run that is due, at once; how each ended."""
    claimed = await claim(jobs_pool, AUTO_GENERATE_EVD01.queue, [AUTO_GENERATE_EVD01.name], 10, "the test")
    services = JobServices(pool=jobs_pool, settings=settings, storage=storage, clock=lambda: MADE_AT)
    endings = await asyncio.gather(
        *(execute(each, AUTO_GENERATE_EVD01, run_of(each, services, "the test")) for each in claimed)
    )
    return [ending.outcome for ending in endings]


async def test_a_completed_activity_gets_its_report(run_job: RunJob, stage: Stage, storage: Storage) -> None:
    await stage.activity()
    keys = [await stage.photo(name, thumbnail=photo(n)) for n, name in enumerate(("e-2", "e-10", "E-1"))]
    await stage.photo("waiting", verified=False)
    ending = await run_job(AUTO_GENERATE_EVD01, ARGUMENTS, now=MADE_AT, requested_by="maria", storage=storage)
    assert (ending.outcome, ending.counts) == ("succeeded", {"reports": 1, "evidence": 3})
    [report] = await stage.reports()
    pdf = await storage.get(report["object_key"], bucket=report["bucket"])
    assert findings(pdf) == []
    assert (report["status"], report["sha256"], report["size_bytes"]) == (
        "ready",
        hashlib.sha256(pdf).digest(),
        len(pdf),
    )
    assert (report["requested_by"], report["generated_at"], report["leaves"]) == ("maria", MADE_AT, 3)
    leaves = await stage.leaves(report["report_id"])
    assert [leaf["evidencia_id"] for leaf in leaves] == ["E-1", "e-10", "e-2"]
    assert [leaf["object_key"] for leaf in leaves] == [keys[2], keys[1], keys[0]]
    assert all(leaf["leaf_hash"] == leaf_hash(leaf["record"]) for leaf in leaves)
    assert report["root"] == root_of([leaf["leaf_hash"] for leaf in leaves])
    told = await text_in(storage, report)
    assert report["root"].hex() in told.replace(" ", "")
    assert "Outras 1 sem envio verificado" in told


async def test_who_asked_is_told_in_the_same_commit(run_job: RunJob, stage: Stage, storage: Storage) -> None:
    await stage.activity()
    await stage.photo("e-1", thumbnail=photo(1))
    await run_job(AUTO_GENERATE_EVD01, ARGUMENTS, now=MADE_AT, requested_by="maria", storage=storage)
    [report] = await stage.reports()
    rows = await stage.connection.fetch(
        "SELECT key, arguments::text, status FROM jobs.run WHERE job = 'notify_report_ready'"
    )
    assert [tuple(row) for row in rows] == [
        (str(report["report_id"]), f'{{"report_id": "{report["report_id"]}"}}', "queued")
    ]


async def test_an_activity_without_verified_evidence_gets_none_and_that_is_no_failure(
    run_job: RunJob, stage: Stage, storage: Storage
) -> None:
    await stage.activity()
    await stage.photo("e-1", verified=False)
    await stage.photo("e-2", deleted=True)
    ending = await run_job(AUTO_GENERATE_EVD01, ARGUMENTS, storage=storage)
    assert (ending.outcome, ending.counts) == ("succeeded", {"reports": 0, "without_evidence": 1})
    assert await stage.reports() == []


async def test_who_asks_for_one_without_evidence_is_told_so(
    jobs_pool: "asyncpg.Pool[Any]", job_settings: Settings, stage: Stage, storage: Storage
) -> None:
    await stage.activity()
    report_id = await asked(jobs_pool)
    assert await work(jobs_pool, job_settings, storage) == ["failed"]
    [report] = await stage.reports()
    assert (report["report_id"], report["status"]) == (report_id, "failed")
    assert report["failure"] == "the activity has no verified evidence"
    error = await stage.connection.fetchval("SELECT error FROM jobs.run WHERE run_id = $1", report["run_id"])
    assert error == "NothingToReport: the activity has no verified evidence"
    await stage.photo("e-1", thumbnail=photo(1))
    await stage.connection.execute("UPDATE jobs.run SET status = 'queued', finished_at = NULL, next_at = now()")
    assert await work(jobs_pool, job_settings, storage) == ["succeeded"]
    [report] = await stage.reports()
    assert (report["report_id"], report["status"], report["failure"]) == (report_id, "ready", None)


@pytest.mark.parametrize("deleted", [True, False])
async def test_there_is_no_report_of_an_activity_that_is_not_there(
    run_job: RunJob, stage: Stage, storage: Storage, deleted: bool
) -> None:
    if deleted:
        await stage.activity(deleted=True)
        await stage.photo("e-1")
    ending = await run_job(AUTO_GENERATE_EVD01, ARGUMENTS, storage=storage)
    assert (ending.outcome, ending.error) == ("failed", "ActivityNotFound: there is no such activity")


async def test_what_says_nothing_new_is_not_made_again(run_job: RunJob, stage: Stage, storage: Storage) -> None:
    await stage.activity()
    await stage.photo("e-1", thumbnail=photo(1))
    assert (await run_job(AUTO_GENERATE_EVD01, ARGUMENTS, now=MADE_AT, storage=storage)).counts["reports"] == 1
    again = await run_job(AUTO_GENERATE_EVD01, ARGUMENTS, now=LATER, storage=storage)
    assert again.counts == {"reports": 0, "unchanged": 1}
    await stage.photo("e-2", thumbnail=photo(2))
    assert (await run_job(AUTO_GENERATE_EVD01, ARGUMENTS, now=LATER, storage=storage)).counts["reports"] == 1
    assert [report["leaves"] for report in await stage.reports()] == [1, 2]


async def test_of_two_runs_at_once_one_makes_the_report(
    jobs_pool: "asyncpg.Pool[Any]", queue_run: QueueRun, job_settings: Settings, stage: Stage, storage: Storage
) -> None:
    await stage.activity()
    await stage.photo("e-1", thumbnail=photo(1))
    for key in ("first", "second", "third"):
        await queue_run(AUTO_GENERATE_EVD01, ARGUMENTS, key=key, origin=Origin.COMMIT)
    assert await work(jobs_pool, job_settings, storage) == ["succeeded"] * 3
    [report] = await stage.reports()
    files = [key async for key in storage.keys(f"reports/{CUIABA}/")]
    assert report["object_key"] in files
    assert await stage.connection.fetchval("SELECT count(*) FROM jobs.run WHERE job = 'notify_report_ready'") == 1


async def test_who_asks_gets_a_report_of_his_own_on_the_paper_he_wants(
    jobs_pool: "asyncpg.Pool[Any]", job_settings: Settings, stage: Stage, storage: Storage
) -> None:
    await stage.activity()
    await stage.photo("e-1", thumbnail=photo(1))
    wanted = Paper(PageSize.A1, Orientation.LANDSCAPE)
    ids = {await asked(jobs_pool), await asked(jobs_pool, wanted)}
    assert await work(jobs_pool, job_settings, storage) == ["succeeded"] * 2
    reports = await stage.reports()
    assert {report["report_id"] for report in reports} == ids
    assert {(report["page_size"], report["orientation"]) for report in reports} == {
        ("A4", "portrait"),
        ("A1", "landscape"),
    }
    assert len({report["root"] for report in reports}) == 1
    assert "Solicitado por gestora" in await text_in(storage, reports[0])


async def test_a_picture_that_is_missing_is_made_from_the_photo(
    run_job: RunJob, stage: Stage, storage: Storage
) -> None:
    await stage.activity()
    await stage.photo("never-made", content=photo(1, (1600, 1200)))
    await stage.photo("broken", content=photo(2), thumbnail=b"\xff\xd8\xff no JPEG")
    await run_job(AUTO_GENERATE_EVD01, ARGUMENTS, now=MADE_AT, storage=storage)
    [report] = await stage.reports()
    pdf = await storage.get(report["object_key"])
    images = [image for page in PdfReader(io.BytesIO(pdf)).pages for image in page.images]
    assert len(images) == 2
    assert UNREADABLE not in await text_in(storage, report)


async def test_what_cannot_be_shown_is_said_and_is_no_crash(run_job: RunJob, stage: Stage, storage: Storage) -> None:
    await stage.activity()
    await stage.photo("cut", content=photo(1)[:500])
    await stage.photo("no-picture", content=b"%PDF-1.7 called a photo")
    lost = await stage.photo("lost", content=photo(3), thumbnail=photo(3))
    await stage.photo("film", content=b"film", tipo="VIDEO")
    await storage.delete_many([lost])
    ending = await run_job(AUTO_GENERATE_EVD01, ARGUMENTS, now=MADE_AT, storage=storage)
    assert ending.counts == {"reports": 1, "evidence": 4}
    [report] = await stage.reports()
    told = await text_in(storage, report)
    assert told.count(UNREADABLE) == 2
    assert findings(await storage.get(report["object_key"])) == []
    assert GONE in told


class _Away(Storage):
    """A store that is away for some calls, and then is the real one."""

    def __init__(self, real: Storage, call: str, times: int) -> None:
        self.__dict__.update(real.__dict__)
        self._away_for, self._left = call, times

    def __getattribute__(self, name: str) -> Any:
        if name == object.__getattribute__(self, "__dict__").get("_away_for") and self._left > 0:
            self._left -= 1

            async def away(*arguments: Any, **named: Any) -> None:
                raise StorageAway("the object store answers 503")

            return away
        return object.__getattribute__(self, name)


@pytest.mark.parametrize("call", ["head", "get", "put"])
async def test_a_store_that_is_away_is_waited_for(
    run_job: RunJob,
    jobs_pool: "asyncpg.Pool[Any]",
    job_settings: Settings,
    stage: Stage,
    storage: Storage,
    call: str,
) -> None:
    await stage.activity()
    await stage.photo("e-1", thumbnail=photo(1))
    ending = await run_job(AUTO_GENERATE_EVD01, ARGUMENTS, now=MADE_AT, storage=_Away(storage, call, 1))
    assert (ending.outcome, ending.error) == ("retried", "Transient: the object store is away")
    assert await stage.reports() == []
    await stage.connection.execute("UPDATE jobs.run SET next_at = now()")
    assert await work(jobs_pool, job_settings, storage) == ["succeeded"]
    assert len(await stage.reports()) == 1


async def test_a_run_that_is_repeated_after_its_commit_changes_nothing(
    jobs_pool: "asyncpg.Pool[Any]", job_settings: Settings, stage: Stage, storage: Storage
) -> None:
    await stage.activity()
    await stage.photo("e-1", thumbnail=photo(1))
    await asked(jobs_pool)
    assert await work(jobs_pool, job_settings, storage) == ["succeeded"]
    [before] = await stage.reports()
    await stage.photo("e-2", thumbnail=photo(2))
    again = "UPDATE jobs.run SET status = 'queued', finished_at = NULL, next_at = now() WHERE job = $1"
    await stage.connection.execute(again, AUTO_GENERATE_EVD01.name)
    assert await work(jobs_pool, job_settings, storage) == ["succeeded"]
    assert await stage.reports() == [before]
    files = [key async for key in storage.keys(f"reports/{CUIABA}/{before['report_id']}/")]
    assert files == [before["object_key"]]


async def test_a_report_waits_for_the_projections(
    run_job: RunJob, stage: Stage, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_WAIT_SECONDS", 0.2)
    await stage.activity()
    await stage.photo("e-1", thumbnail=photo(1))
    await stage.connection.execute("UPDATE eventstore.lane SET position = 7")
    ending = await run_job(AUTO_GENERATE_EVD01, ARGUMENTS, storage=storage)
    assert (ending.outcome, ending.error) == ("retried", "Transient: the projections are behind the log")


async def test_without_a_store_it_is_said_what_to_set(run_job: RunJob, stage: Stage) -> None:
    ending = await run_job(AUTO_GENERATE_EVD01, ARGUMENTS)
    assert ending.error == "StoreMissing: reports need an object store: set TECHDENGUE_S3_BUCKET"


async def test_what_a_commit_queues_is_what_the_job_takes() -> None:
    from jobs.outbox import ATTEMPTS, AtividadeCompleted

    queued = msgspec.json.encode(AtividadeCompleted(CUIABA, "a-1"))
    assert msgspec.json.decode(queued, type=AUTO_GENERATE_EVD01.arguments) == ARGUMENTS
    assert AUTO_GENERATE_EVD01.retry.attempts == ATTEMPTS
