"""What a verified file says of itself is in its row soon after it was verified, and its report is due again."""

import datetime as dt
from typing import Any

import aiohttp
import msgspec
import pytest

from jobs.evidence.describe_evidence import GPS_FAR, REPORT_AFTER, THUMBNAILS
from jobs.evidence.describe_evidence import JOB as DESCRIBE
from jobs.outbox import ATTEMPTS, EvidenceVerified
from techdengue.dev.seaweedfs import S3Address
from techdengue.storage import Storage, open_storage
from tests.evidence.conftest import Agent, _operation
from tests.evidence.making import MADE, picture
from tests.http.conftest import CUIABA
from tests.jobs.conftest import RunJob
from tests.jobs.working import Table
from tests.storage.conftest import address_at
from tests.storage.faulty import Fault, faulty_wire

from .conftest import WorkOff
from .test_looking import CUIABA as CENTRE
from .test_looking import at, photo, shown

NOON = dt.datetime(2026, 11, 28, 16, 0, 30, tzinfo=dt.UTC)


async def row(table: Table, evidencia_id: str) -> Any:
    return await table.connection.fetchrow(
        "SELECT * FROM techdengue.evidence_file WHERE evidencia_id = $1", evidencia_id
    )


async def reports(table: Table) -> list[Any]:
    found: list[Any] = await table.connection.fetch("SELECT * FROM jobs.run WHERE job = 'auto_generate_evd01'")
    return found


async def activity(agent: Agent, **data: Any) -> None:
    """Change the agent's activity."""
    await agent.sync(_operation("update", agent.atividade, data, entity_type="atividade"))


async def test_a_verified_photo_gets_its_thumbnail_and_what_the_camera_noted(
    agent: Agent, work_off: WorkOff, table: Table, web: aiohttp.ClientSession
) -> None:
    taken = {36867: "2026:11:28 12:00:00"}
    body = photo(size=(1600, 1200), orientation=6, place=at(*CENTRE), taken=taken)
    evidencia_id = await agent.upload(body)
    [ending] = await work_off(DESCRIBE)
    assert ending.counts == {"described": 1, "thumbnails": 1, "flags": 0, "reports": 0}
    seen = await row(table, evidencia_id)
    assert (seen["width"], seen["height"], seen["orientation"], seen["flags"]) == (1600, 1200, 6, [])
    assert seen["captured_at"] == dt.datetime(2026, 11, 28, 16, 0, tzinfo=dt.UTC)
    assert (seen["longitude"], seen["latitude"]) == (
        pytest.approx(CENTRE[0], abs=1e-5),
        pytest.approx(CENTRE[1], abs=1e-5),
    )
    assert seen["thumbnail_key"] == f"{THUMBNAILS}{seen['object_key'].partition('/')[2]}.jpg"
    assert seen["described_at"] is not None
    assert shown(await agent.fetch(evidencia_id, "thumbnail")).size == (384, 512)
    assert await work_off(DESCRIBE) == []


@pytest.mark.parametrize(("metres_north", "far"), [(0, False), (450, False), (600, True)])
async def test_a_photo_that_was_taken_far_from_its_activity_is_flagged(
    agent: Agent, work_off: WorkOff, table: Table, metres_north: float, far: bool
) -> None:
    body = photo(place=at(CENTRE[0], CENTRE[1] + metres_north / 111_195))
    evidencia_id = await agent.evidence(body)
    await activity(agent, localizacao={"type": "Point", "coordinates": [*CENTRE, 165.0]})
    await agent.send(body, await agent.begin(evidencia_id))
    await agent.complete(evidencia_id)
    await work_off(DESCRIBE)
    assert (await row(table, evidencia_id))["flags"] == ([GPS_FAR] if far else [])


@pytest.mark.parametrize(
    ("body", "content_type", "flags"),
    [
        (MADE["application/pdf"], "application/pdf", []),
        (MADE["video/mp4"], "video/mp4", []),
        (MADE["image/heic"], "image/heic", ["no_decoder"]),
        (picture(2_000, 2_000)[:-60_000], "image/jpeg", ["broken"]),
    ],
    ids=["a PDF", "a video", "HEIC", "a photo that is cut"],
)
async def test_what_has_no_picture_has_no_thumbnail(
    agent: Agent, work_off: WorkOff, table: Table, body: bytes, content_type: str, flags: list[str]
) -> None:
    evidencia_id = await agent.upload(body, content_type)
    [ending] = await work_off(DESCRIBE)
    assert ending.counts["described"] == 1
    seen = await row(table, evidencia_id)
    assert (seen["thumbnail_key"], seen["flags"]) == (None, flags)


async def test_the_report_of_an_activity_that_is_done_is_due_again_once_a_minute(
    agent: Agent, work_off: WorkOff, table: Table
) -> None:
    first = await agent.upload(picture())
    await work_off(DESCRIBE)
    assert await reports(table) == []
    await activity(agent, status="CONCLUIDA")
    [of_the_completion] = await reports(table)
    for _ in range(3):
        await agent.upload(picture())
    endings = await work_off(DESCRIBE, now=NOON)
    assert [ending.counts["reports"] for ending in endings] == [1, 1, 1]
    [again] = [each for each in await reports(table) if each["run_id"] != of_the_completion["run_id"]]
    assert again["due_at"] == NOON.replace(second=0) + REPORT_AFTER
    assert (again["municipio_cod_ibge"], again["requested_by"], again["origin"]) == (CUIABA, "ana", "job")
    assert msgspec.json.decode(again["arguments"])["atividade_id"] == agent.atividade
    await agent.upload(picture())
    await work_off(DESCRIBE, now=NOON + REPORT_AFTER)
    assert len(await reports(table)) == 3
    assert (await row(table, first))["thumbnail_key"] is not None


async def test_a_file_that_is_gone_by_then_is_no_failure(
    agent: Agent, work_off: WorkOff, run_job: RunJob, table: Table, storage: Storage
) -> None:
    evidencia_id = await agent.upload(picture())
    await agent.delete(evidencia_id)
    [ending] = await work_off(DESCRIBE)
    assert ending.counts == {"gone": 1}
    never = await run_job(DESCRIBE, EvidenceVerified(CUIABA, "no-such-photo"), storage=storage)
    assert never.counts == {"gone": 1}


async def test_twice_is_once(agent: Agent, work_off: WorkOff, run_job: RunJob, table: Table, storage: Storage) -> None:
    evidencia_id = await agent.upload(photo(place=at(*CENTRE)))
    await work_off(DESCRIBE)
    before = await row(table, evidencia_id)
    await run_job(DESCRIBE, EvidenceVerified(CUIABA, evidencia_id), storage=storage)
    after = await row(table, evidencia_id)
    assert {**before, "described_at": 0} == {**after, "described_at": 0}


async def test_a_store_that_is_away_is_asked_again_later(
    agent: Agent, work_off: WorkOff, table: Table, s3: S3Address
) -> None:
    evidencia_id = await agent.upload(picture())
    async with faulty_wire(s3) as wire, open_storage(address_at(wire.address), attempt_seconds=0.3) as behind:
        wire.fault = Fault.UNAVAILABLE
        [ending] = await work_off(DESCRIBE, storage=behind)
    assert (ending.outcome, ending.error) == ("retried", "Transient: the object store is away")
    assert (await row(table, evidencia_id))["described_at"] is None


def test_the_intake_and_the_job_agree_how_often_it_is_tried() -> None:
    assert DESCRIBE.retry.attempts == ATTEMPTS
