"""An upload: in one or in parts, cut and resumed, verified once, refused with a reason."""

import asyncio
import datetime as dt
import hashlib
from typing import Any

import asyncpg
import pytest

from techdengue.storage import Storage

from .conftest import PART, Agent
from .making import MADE, document, photo, picture, video

MIB = 1024 * 1024


async def rows(owner: "asyncpg.Connection[Any]", evidencia_id: str) -> Any:
    return await owner.fetchrow("SELECT * FROM techdengue.evidence_file WHERE evidencia_id = $1", evidencia_id)


async def test_a_photo_goes_up_in_one_and_is_verified(agent: Agent) -> None:
    body = photo(2 * MIB)
    evidencia_id = await agent.evidence(body)
    upload = await agent.begin(evidencia_id)
    assert (upload["status"], upload["multipart"], upload["there"]) == ("uploading", False, [])
    assert [(part["number"], part["offset"], part["size"]) for part in upload["missing"]] == [(1, 0, len(body))]
    await agent.send(body, upload)
    verified = (await agent.complete(evidencia_id)).json()
    assert (verified["status"], verified["already_processed"]) == ("verified", False)
    shown = await agent.document(evidencia_id)
    assert (shown["status"], shown["hash_sha256"]) == ("CONCLUIDA", hashlib.sha256(body).hexdigest())
    event = (await agent.history(evidencia_id))[-1]
    assert (event["device_id"], event["user_id"], event["outcome"]) == ("server:ana", "ana", "applied")
    assert event["version"] == verified["version"]
    assert await agent.fetch(evidencia_id) == body


@pytest.mark.parametrize("content_type", sorted(MADE))
async def test_every_type_of_evidence_goes_up_and_comes_down_as_it_was(agent: Agent, content_type: str) -> None:
    evidencia_id = await agent.upload(MADE[content_type], content_type)
    answer = await agent.ask("GET", evidencia_id, "download")
    async with agent.web.get(answer.headers["location"]) as found:
        assert found.headers["content-type"] == content_type
        assert found.headers["content-disposition"].startswith("attachment")
        assert await found.read() == MADE[content_type]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_video_resumes_where_it_was_cut(agent: Agent) -> None:
    body = video(12 * MIB)
    evidencia_id = await agent.evidence(body, "video/mp4")
    first = await agent.begin(evidencia_id)
    assert (first["multipart"], first["part_bytes"]) == (True, PART)
    assert [part["number"] for part in first["missing"]] == [1, 2, 3]
    await agent.send(body, first, 2)
    again = await agent.begin(evidencia_id)
    assert [(part["number"], part["size"]) for part in again["there"]] == [(2, PART)]
    assert again["there"][0]["etag"]
    assert [part["number"] for part in again["missing"]] == [1, 3]
    await agent.send(body, again, 1)
    incomplete = await agent.complete(evidencia_id)
    assert (incomplete.status_code, incomplete.json()["code"]) == (409, "upload_incomplete")
    assert incomplete.json()["missing"] == [3]
    state = (await agent.ask("GET", evidencia_id, "upload")).json()
    assert [part["number"] for part in state["missing"]] == [3]
    assert "url" not in state["missing"][0]
    await agent.send(body, await agent.begin(evidencia_id))
    assert (await agent.complete(evidencia_id)).status_code == 200
    assert await agent.fetch(evidencia_id) == body


async def test_the_largest_video_is_ten_parts_in_one_answer(agent: Agent) -> None:
    body = video(50 * MIB)
    evidencia_id = await agent.evidence(body, "video/mp4")
    upload = await agent.begin(evidencia_id)
    assert len(upload["missing"]) == 10
    await agent.send(body, upload)
    assert (await agent.complete(evidencia_id)).status_code == 200


async def test_a_part_that_was_sent_again_is_that_part_once(agent: Agent) -> None:
    body = video(6 * MIB)
    evidencia_id = await agent.evidence(body, "video/mp4")
    upload = await agent.begin(evidencia_id)
    await agent.send(body, upload, 1)
    await agent.send(body, upload)
    assert [part["number"] for part in (await agent.begin(evidencia_id))["there"]] == [1, 2]
    assert (await agent.complete(evidencia_id)).status_code == 200


@pytest.mark.parametrize("body", [photo(MIB), video(6 * MIB)], ids=["single", "multipart"])
async def test_completions_at_once_and_again_are_one_effect(agent: Agent, body: bytes, owner: Any) -> None:
    evidencia_id = await agent.evidence(body, "image/jpeg" if body[:2] == b"\xff\xd8" else "video/mp4")
    await agent.send(body, await agent.begin(evidencia_id))
    answers = await asyncio.gather(*(agent.complete(evidencia_id) for _ in range(6)))
    again = await agent.complete(evidencia_id)
    assert [answer.status_code for answer in (*answers, again)] == [200] * 7
    assert sum(not answer.json()["already_processed"] for answer in answers) == 1
    told = {(answer.json()["version"], answer.json()["content_type"]) for answer in (*answers, again)}
    assert len(told) == 1
    assert [event["device_id"] for event in await agent.history(evidencia_id)] == ["phone", "server:ana"]
    runs = await owner.fetchval(
        "SELECT count(*) FROM jobs.run WHERE job = 'describe_evidence' AND arguments->>'evidencia_id' = $1",
        evidencia_id,
    )
    assert runs == 1


async def test_two_that_begin_at_once_begin_one_upload(agent: Agent) -> None:
    body = video(6 * MIB)
    evidencia_id = await agent.evidence(body, "video/mp4")
    one, other = await asyncio.gather(agent.begin(evidencia_id), agent.begin(evidencia_id))
    assert one["missing"][0]["url"].split("?")[0] == other["missing"][0]["url"].split("?")[0]
    await agent.send(body, one, 1)
    await agent.send(body, other, 2)
    assert (await agent.complete(evidencia_id)).status_code == 200


async def test_other_bytes_of_the_same_size_are_refused_and_removed_and_may_be_sent_anew(
    agent: Agent, storage: Storage, owner: Any
) -> None:
    body = video(6 * MIB)
    evidencia_id = await agent.evidence(body, "video/mp4")
    await agent.send(video(6 * MIB), await agent.begin(evidencia_id))
    before = await rows(owner, evidencia_id)
    for _ in range(2):
        refused = await agent.complete(evidencia_id)
        assert (refused.status_code, refused.json()["code"]) == (422, "file_refused")
        assert (refused.json()["reason"], refused.json()["expected"]) == ("hash", hashlib.sha256(body).hexdigest())
    assert await storage.head(before["object_key"]) is None
    assert (await agent.document(evidencia_id)).get("status") != "CONCLUIDA"
    assert (await agent.ask("GET", evidencia_id, "upload")).json()["refusal"] == "hash"
    again = await agent.begin(evidencia_id)
    assert again["there"] == []
    await agent.send(body, again)
    assert (await agent.complete(evidencia_id)).status_code == 200


@pytest.mark.parametrize(("made", "declared"), [("application/pdf", "image/jpeg"), ("image/jpeg", "video/mp4")])
async def test_a_file_of_another_type_is_refused_whatever_it_is_called(agent: Agent, made: str, declared: str) -> None:
    body = MADE[made]
    evidencia_id = await agent.evidence(body, declared)
    await agent.send(body, await agent.begin(evidencia_id))
    refused = (await agent.complete(evidencia_id)).json()
    assert (refused["code"], refused["reason"]) == ("file_refused", "type")
    assert (refused["expected"], refused["found"]) == (declared, made)
    await agent.update(evidencia_id, {"content_type": made})
    await agent.send(body, await agent.begin(evidencia_id))
    assert (await agent.complete(evidencia_id)).status_code == 200


async def test_a_type_that_was_not_declared_is_what_the_bytes_show(agent: Agent) -> None:
    evidencia_id = await agent.upload(document(), None)
    assert (await agent.document(evidencia_id))["content_type"] == "application/pdf"
    script = b"<html><script>alert(1)</script></html>"
    other = await agent.evidence(script, None)
    await agent.send(script, await agent.begin(other))
    assert (await agent.complete(other)).json()["reason"] == "type"


async def test_a_file_that_its_tipo_does_not_allow_is_not_begun(agent: Agent) -> None:
    evidencia_id = await agent.evidence(bytes(6 * MIB), "audio/wav", tipo="FOTO")
    await agent.update(evidencia_id, {"tipo": "AUDIO"})
    answer = await agent.ask("POST", evidencia_id, "upload")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_data")
    assert answer.json()["path"] == "/data/tamanho_bytes"


async def test_nothing_is_completed_that_was_not_begun_or_sent(agent: Agent) -> None:
    body = photo(100_000)
    evidencia_id = await agent.evidence(body)
    assert (await agent.complete(evidencia_id)).json()["code"] == "upload_not_begun"
    assert (await agent.ask("GET", evidencia_id, "upload")).json()["status"] == "none"
    await agent.begin(evidencia_id)
    incomplete = (await agent.complete(evidencia_id)).json()
    assert (incomplete["code"], incomplete["missing"]) == ("upload_incomplete", [1])


@pytest.mark.parametrize("body", [photo(MIB), video(6 * MIB)], ids=["single", "multipart"])
async def test_an_upload_that_was_given_up_leads_nowhere(
    agent: Agent, body: bytes, storage: Storage, owner: Any
) -> None:
    evidencia_id = await agent.evidence(body, None)
    upload = await agent.begin(evidencia_id)
    await agent.send(body, upload)
    key = (await rows(owner, evidencia_id))["object_key"]
    for _ in range(2):
        assert (await agent.ask("DELETE", evidencia_id, "upload")).status_code == 204
    assert await storage.head(key) is None
    assert (await agent.complete(evidencia_id)).json()["code"] == "upload_not_begun"
    await agent.send(body, await agent.begin(evidencia_id))
    assert (await agent.complete(evidencia_id)).status_code == 200
    kept = await agent.ask("DELETE", evidencia_id, "upload")
    assert (kept.status_code, kept.json()["code"]) == (409, "file_verified")
    assert await agent.fetch(evidencia_id) == body


async def test_an_upload_of_what_the_evidencia_no_longer_says_is_begun_anew(agent: Agent) -> None:
    body, other = photo(100_000), photo(120_000)
    evidencia_id = await agent.evidence(body)
    upload = await agent.begin(evidencia_id)
    await agent.send(body, upload)
    changed = {"hash_sha256": hashlib.sha256(other).hexdigest(), "tamanho_bytes": len(other)}
    await agent.update(evidencia_id, changed)
    assert (await agent.complete(evidencia_id)).json()["code"] == "upload_outdated"
    again = await agent.begin(evidencia_id)
    assert again["missing"][0]["url"].split("?")[0] != upload["missing"][0]["url"].split("?")[0]
    await agent.send(other, again)
    assert (await agent.complete(evidencia_id)).status_code == 200
    await agent.send(body, upload)  # the address of before is still good, and leads elsewhere
    assert await agent.fetch(evidencia_id) == other


async def test_an_address_that_was_used_cannot_change_what_was_verified(agent: Agent) -> None:
    body = photo(100_000)
    evidencia_id = await agent.evidence(body)
    upload = await agent.begin(evidencia_id)
    await agent.send(body, upload)
    await agent.complete(evidencia_id)
    part = upload["missing"][0]
    async with agent.web.put(part["url"], data=photo(100_000), headers=part["headers"]) as answer:
        assert answer.status == 400
    assert await agent.fetch(evidencia_id) == body


async def test_a_store_that_checks_no_sums_has_the_file_copied_out_of_reach(
    agent: Agent, storage: Storage, owner: Any
) -> None:
    body = picture()
    evidencia_id = await agent.evidence(body)
    await agent.begin(evidencia_id)
    before = (await rows(owner, evidencia_id))["object_key"]
    await storage._client.put_object(Bucket=storage.bucket, Key=before, Body=body)  # no sum
    head = await storage.head(before)
    assert head is not None
    assert head.sha256 is None
    assert (await agent.complete(evidencia_id)).status_code == 200
    after = await rows(owner, evidencia_id)
    assert (after["status"], after["object_key"] == before) == ("verified", False)
    assert await storage.head(before) is None
    assert await agent.fetch(evidencia_id) == body


async def test_what_is_verified_says_so_and_takes_nothing_more(agent: Agent) -> None:
    evidencia_id = await agent.upload(photo(100_000))
    again = await agent.begin(evidencia_id)
    assert again["status"] == "verified"
    assert "missing" not in again
    moment = dt.datetime.fromisoformat(again["verified_at"])
    assert dt.datetime.now(dt.UTC) - moment < dt.timedelta(minutes=5)
    assert (await agent.ask("GET", evidencia_id, "upload")).json() == again


async def test_there_is_nothing_to_read_before_the_verification_and_no_thumbnail_before_the_job(agent: Agent) -> None:
    body = photo(100_000)
    evidencia_id = await agent.evidence(body)
    await agent.send(body, await agent.begin(evidencia_id))
    for call in ("download", "thumbnail"):
        answer = await agent.ask("GET", evidencia_id, call)
        assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")
    await agent.complete(evidencia_id)
    assert (await agent.ask("GET", evidencia_id, "thumbnail")).json()["code"] == "file_not_found"
