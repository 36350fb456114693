"""Reports through the whole server: ordered, made, downloaded, proved and verified, in their own território only."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from jobs import JobServices
from jobs.catalogue import JOBS
from jobs.claims import claim
from jobs.model import Queue
from jobs.services import jobs_pool as open_pool
from jobs.wrapper import execute, run_of
from projections import catch_up
from techdengue.asgi import create_app
from techdengue.dev.seaweedfs import S3Address
from techdengue.domain.access import Role
from techdengue.settings import Settings
from techdengue.storage import Storage, open_storage
from tests.conftest import MakeDatabase
from tests.jobs.reports.samples import photo
from tests.jobs.reports.stage import Stage
from tests.jobs.reports.test_documented_script import verdict
from tests.storage.conftest import address_at

from .conftest import CUIABA, VARZEA_GRANDE, Tokens, alive, operation, settings_for

ORDER = {"code": "EVD01", "atividade_id": "visit"}
PDF = {"content-type": "application/pdf"}


class World(msgspec.Struct, frozen=True):
    """A server with a store, a finished activity of Cuiabá with three photos, and what runs its jobs."""

    client: httpx.AsyncClient
    stage: Stage
    pool: Any
    settings: Settings
    storage: Storage
    manager: dict[str, str]

    async def work(self) -> list[str]:
        """Run every report that is due; how each ended."""
        services = JobServices(pool=self.pool, settings=self.settings, storage=self.storage)
        claimed = await claim(self.pool, Queue.REPORTS, list(JOBS), 10, "the test")
        endings = [await execute(each, JOBS[each.job], run_of(each, services, "the test")) for each in claimed]
        return [ending.outcome for ending in endings]

    async def ordered(self, body: dict[str, Any]) -> str:
        """Order a report and have it made; where it is."""
        answer = await self.client.post("/api/reports", json=body, headers=self.manager)
        assert answer.status_code == 202, answer.text
        assert "succeeded" in await self.work()
        return str(answer.headers["location"])

    async def told(self, path: str) -> Any:
        """What the manager is answered."""
        answer = await self.client.get(path, headers=self.manager)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def downloaded(self, report: str, form: str = "pdf") -> bytes:
        """The file, from the store that the answer leads to."""
        answer = await self.client.get(f"{report}/download?format={form}", headers=self.manager)
        assert answer.status_code == 307, answer.text
        async with httpx.AsyncClient() as anybody:
            file = await anybody.get(answer.headers["location"])
        assert file.status_code == 200, file.text
        assert file.headers["content-disposition"].startswith("attachment")
        return file.content


@pytest.fixture
async def world(make_database: MakeDatabase, s3: S3Address, tokens: Tokens) -> AsyncIterator[World]:
    """Everything real but the workers, which the tests are themselves."""
    database, address = await make_database(), address_at(s3)
    settings = settings_for(
        tokens,
        database.server_url,
        s3_endpoint_url=address.endpoint_url,
        s3_region=address.region,
        s3_access_key=address.access_key,
        s3_secret_key=address.secret_key,
        s3_bucket=address.bucket,
        public_url="https://vigilancia.example",
    )
    application = create_app(settings)
    owner = await asyncpg.connect(database.owner_url)
    projector = await asyncpg.connect(database.server_url, server_settings={"role": "techdengue_projector"})
    async with (
        open_storage(address, attempt_seconds=10.0) as storage,
        open_pool(database.server_url, 4) as pool,
        alive(application),
        httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test") as client,
    ):
        visit = operation("visit", entity_id="visit")
        finish = operation(
            "finish", operation="update", entity_id="visit", data={"status": "CONCLUIDA"}, base_version=1
        )
        headers = {**tokens.bearer(Role.CAMPO, user="maria"), "x-device-id": "phone"}
        synced = await client.post("/api/sync", json={"operations": [visit, finish]}, headers=headers)
        assert [each["status"] for each in synced.json()["successes"]] == ["applied", "applied"], synced.text
        await catch_up(projector)
        stage = Stage(owner, storage)
        for number in range(3):
            await stage.photo(f"foto-{number}", atividade_id="visit", thumbnail=photo(number))
        manager = tokens.bearer(Role.GESTOR, user="gestora")
        yield World(client, stage, pool, settings, storage, manager)
    await projector.close()
    await owner.close()


async def test_a_report_is_ordered_made_downloaded_and_its_file_verified_by_anybody(world: World) -> None:
    path = await world.ordered(ORDER)
    report = await world.told(path)
    assert (report["status"], report["requested_by"], report["leaves"]) == ("ready", "gestora", 3)
    assert report["verification_url"] == f"https://vigilancia.example/verificar/{report['report_id']}"
    pdf = await world.downloaded(path)
    assert (hashlib.sha256(pdf).hexdigest(), len(pdf)) == (report["sha256"], report["size_bytes"])
    verdict = (await world.client.post("/api/reports/verify", content=pdf, headers=PDF)).json()
    assert (verdict["verdict"], verdict["report"]["report_id"]) == ("genuine", report["report_id"])
    assert verdict["report"].keys().isdisjoint({"requested_by", "atividade_id", "run_id"})
    changed = await world.client.post("/api/reports/verify", content=pdf[:-1] + b" ", headers=PDF)
    assert changed.json() == {"valid": False, "verdict": "unknown_file", "report": None}
    page = await world.client.get(f"/verificar/{report['report_id']}", headers={"accept": "text/html"})
    assert report["sha256"] in page.text
    assert report["root"] in page.text
    assert "gestora" not in page.text
    assert "visit" not in page.text


async def test_an_order_that_is_sent_again_with_its_key_is_the_same_report(world: World, tokens: Tokens) -> None:
    async def order(headers: dict[str, str], **said: Any) -> httpx.Response:
        return await world.client.post("/api/reports", json={**ORDER, "idempotency_key": "k", **said}, headers=headers)

    clicks = await asyncio.gather(*(order(world.manager) for _ in range(5)))
    assert {answer.status_code for answer in clicks} == {202}
    [report_id] = {answer.json()["report_id"] for answer in clicks}
    runs = await world.stage.connection.fetchval(
        "SELECT count(*) FROM jobs.run WHERE arguments->>'report_id' = $1", report_id
    )
    assert runs == 1
    await world.work()
    again = (await order(world.manager)).json()
    assert (again["report_id"], again["status"]) == (report_id, "ready")
    for other in ({"page_size": "A1"}, {"orientation": "landscape"}, {"code": "SEMANAL", "municipio_cod_ibge": CUIABA}):
        body = {"idempotency_key": "k", **(other if "code" in other else {**ORDER, **other})}
        answer = await world.client.post("/api/reports", json=body, headers=world.manager)
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    another = await order(tokens.bearer(Role.GESTOR, user="outra"))
    assert another.json()["report_id"] != report_id
    assert (await order(world.manager, idempotency_key="k2")).json()["report_id"] != report_id


async def test_every_proof_is_accepted_by_a_script_that_knows_only_the_rfc_and_by_the_server(world: World) -> None:
    path = await world.ordered(ORDER)
    for number in range(3):
        proof = await world.told(f"{path}/proofs/foto-{number}")
        assert verdict(proof) == "included"
        asked = await world.client.post("/api/reports/verify", json=proof)
        assert (asked.json()["verdict"], asked.json()["valid"]) == ("included", True)
    forged = {**proof, "record": proof["record"].replace("foto-2", "foto-9"), "leaf_hash": None}
    assert (await world.client.post("/api/reports/verify", json=forged)).json()["verdict"] == "not_included"
    lonely = {"record": "{}", "index": 0, "tree_size": 1, "path": [], "root": hashlib.sha256(b"\0{}").hexdigest()}
    assert (await world.client.post("/api/reports/verify", json=lonely)).json()["verdict"] == "unknown_root"
    assert (await world.client.get(f"{path}/proofs/foto-9", headers=world.manager)).status_code == 404


async def test_a_photo_that_was_deleted_since_is_proved_still_and_the_report_downloads(world: World) -> None:
    path = await world.ordered(ORDER)
    await world.stage.connection.execute(
        "UPDATE projections.evidencia SET deleted = true, status = 'DELETADA' WHERE evidencia_id = 'foto-1'"
    )
    proof = await world.told(f"{path}/proofs/foto-1")
    assert (await world.client.post("/api/reports/verify", json=proof)).json()["verdict"] == "included"
    report = await world.told(path)
    assert hashlib.sha256(await world.downloaded(path)).hexdigest() == report["sha256"]
    covering = await world.told(await world.ordered(ORDER))
    assert (covering["leaves"], covering["root"] == report["root"]) == (2, False)


async def test_an_archived_report_downloads_from_where_it_is_kept(world: World) -> None:
    path = await world.ordered(ORDER)
    report = await world.told(path)
    storage, connection = world.storage, world.stage.connection
    key = await connection.fetchval("SELECT object_key FROM jobs.report WHERE report_id = $1", report["report_id"])
    await storage.make_bucket(storage.archive_bucket)
    await storage.copy(key, f"kept/{key}", to_bucket=storage.archive_bucket)
    await storage.delete_many([key])
    await connection.execute(
        "UPDATE jobs.report SET bucket = $2, object_key = $3, archived_at = now() WHERE report_id = $1",
        report["report_id"],
        storage.archive_bucket,
        f"kept/{key}",
    )
    assert (await world.told(path))["archived"]
    assert hashlib.sha256(await world.downloaded(path)).hexdigest() == report["sha256"]


async def test_a_week_is_ordered_and_comes_as_pdf_and_json(world: World) -> None:
    path = await world.ordered({"code": "SEMANAL", "municipio_cod_ibge": CUIABA})
    report = await world.told(path)
    assert (report["formats"], report["root"], report["atividade_id"]) == (["pdf", "json"], None, None)
    assert (await world.downloaded(path)).startswith(b"%PDF-")
    told = json.loads(await world.downloaded(path, "json"))
    assert (told["code"], told["week"]["first_day"]) == ("SEMANAL", report["period_start"])
    assert (await world.client.get(f"{path}/proofs/foto-1", headers=world.manager)).status_code == 404


async def test_another_municipio_knows_nothing_of_a_report(world: World, tokens: Tokens) -> None:
    path = await world.ordered(ORDER)
    foreign = tokens.bearer(Role.GESTOR, VARZEA_GRANDE, user="outra")
    for part in ("", "/download", "/proofs/foto-1"):
        assert (await world.client.get(f"{path}{part}", headers=foreign)).status_code == 404
    assert (await world.client.get("/api/reports", headers=foreign)).json()["items"] == []
    answer = await world.client.post("/api/reports", json=ORDER, headers=foreign)
    assert (answer.status_code, answer.json()["code"]) == (404, "entity_not_found")


async def test_who_completed_the_activity_may_have_its_report(world: World, tokens: Tokens) -> None:
    assert await world.work() == ["succeeded"]  # queued by the commit that completed the activity
    [report] = (await world.told("/api/reports?code=EVD01&status=ready&atividade_id=visit"))["items"]
    assert report["requested_by"] == "maria"
    maria = tokens.bearer(Role.CAMPO, user="maria")
    assert (await world.client.get(f"/api/reports/{report['report_id']}/download", headers=maria)).status_code == 307
    assert (await world.client.get("/api/reports", headers=maria)).status_code == 403
    assert (await world.client.post("/api/reports", json=ORDER, headers=maria)).status_code == 403


async def test_a_server_without_a_store_says_so_to_who_wants_the_file_and_tells_all_else(world: World) -> None:
    path = await world.ordered(ORDER)
    application = create_app(msgspec.structs.replace(world.settings, s3_bucket=""))
    transport = httpx.ASGITransport(application)
    async with alive(application), httpx.AsyncClient(transport=transport, base_url="http://test") as other:
        answer = await other.get(f"{path}/download", headers=world.manager)
        assert (answer.status_code, answer.json()["code"]) == (501, "no_storage")
        assert (await other.get(path, headers=world.manager)).json() == await world.told(path)


async def test_a_list_is_paged_newest_first(world: World) -> None:
    made = [await world.ordered({"code": "SEMANAL", "municipio_cod_ibge": CUIABA}) for _ in range(3)]
    found, cursor = [], ""
    for _ in range(3):
        page = await world.told(f"/api/reports?code=SEMANAL&limit=1{cursor}")
        found += [f"/api/reports/{each['report_id']}" for each in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert found == made[::-1]
    assert not page["has_more"]
    stray = await world.client.get(f"/api/reports?limit=1{cursor}", headers=world.manager)
    assert stray.json()["code"] == "invalid_cursor"


async def test_an_activity_without_verified_evidence_is_refused_and_one_that_lost_it_fails_clearly(
    world: World,
) -> None:
    answer = await world.client.post("/api/reports", json=ORDER, headers=world.manager)
    await world.stage.connection.execute("UPDATE projections.evidencia SET status = 'DELETADA'")
    assert "failed" in await world.work()
    report = await world.told(answer.headers["location"])
    assert (report["status"], report["failure"]) == ("failed", "the activity has no verified evidence")
    refused = await world.client.post("/api/reports", json=ORDER, headers=world.manager)
    assert (refused.status_code, refused.json()["code"]) == (422, "nothing_to_report")


async def test_a_report_whose_run_was_cancelled_has_failed(world: World) -> None:
    answer = await world.client.post("/api/reports", json=ORDER, headers=world.manager)
    await world.stage.connection.execute("UPDATE jobs.run SET status = 'cancelled', finished_at = now()")
    report = await world.told(answer.headers["location"])
    assert (report["status"], report["failure"]) == ("failed", "the run was cancelled")
    assert (await world.told("/api/reports?status=queued"))["items"] == []
    assert len((await world.told("/api/reports?status=failed"))["items"]) == 1
