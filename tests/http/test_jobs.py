"""Background jobs on the wire: what is asked for, what is refused, and who may start what."""

import json
from typing import Any

import httpx
import msgspec
import pytest

from jobs import NoArguments, Queue, Status
from jobs.catalogue import JOBS
from jobs.errors import KeyReused
from jobs.model import AnyJob
from jobs.outbox import AtividadeCompleted
from jobs.reports.auto_generate_evd01 import AUTO_GENERATE_EVD01
from jobs.reports.generate_weekly_report import GENERATE_WEEKLY_REPORT
from techdengue.domain.access import Role
from techdengue.http.openapi.examples_of_jobs import OVERVIEW, QUEUED, RUN, RUN_ID

from .conftest import CUIABA, VARZEA_GRANDE, Tokens
from .fakes import FakeJobs

REPORT = "/api/jobs/auto_generate_evd01"
METRICS = "/api/jobs/aggregate_sync_metrics"
PUSH = "/api/jobs/send_push_notification"


NEEDED: dict[str, dict[str, Any]] = {
    "send_push_notification": {"user_id": "u", "title": "t", "body": "b"},
    "notify_sync_conflict": {"conflict_id": RUN_ID},
    "notify_report_ready": {"report_id": RUN_ID},
}
"""Arguments of the jobs that work on no município and must be told something."""


def body(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


async def test_runs_are_filtered_and_come_with_queues_and_schedules(
    api: httpx.AsyncClient, tokens: Tokens, background: FakeJobs
) -> None:
    path = f"/api/jobs?queue=reports&job=x&status=failed&municipio={CUIABA}"
    answer = await api.get(path, headers=tokens.bearer(Role.GESTOR))

    assert (answer.status_code, answer.json()) == (200, body(OVERVIEW))
    assert background.wanted is not None
    wanted = background.wanted
    assert (wanted.queue, wanted.job, wanted.status, wanted.municipio) == (Queue.REPORTS, "x", Status.FAILED, CUIABA)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("queue=emails", "/queue"),
        ("status=dead", "/status"),
        ("limit=0", "/limit"),
        (f"municipio={VARZEA_GRANDE}", "/municipio"),
        ("job=" + "x" * 65, "/job"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(
    api: httpx.AsyncClient, tokens: Tokens, query: str, path: str
) -> None:
    answer = await api.get(f"/api/jobs?{query}", headers=tokens.bearer(Role.GESTOR))

    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (400, "invalid_parameter", path)


async def test_a_run_is_read_by_its_id(api: httpx.AsyncClient, tokens: Tokens, background: FakeJobs) -> None:
    headers = tokens.bearer(Role.GESTOR)
    answer = await api.get(f"/api/jobs/{RUN_ID}", headers=headers)
    assert (answer.status_code, answer.json()) == (200, body(RUN))

    assert (await api.get("/api/jobs/no-uuid", headers=headers)).json()["code"] == "run_not_found"
    background.found = False
    answer = await api.get(f"/api/jobs/{RUN_ID}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "run_not_found")


async def test_an_admin_starts_any_job_and_is_answered_its_run(
    api: httpx.AsyncClient, tokens: Tokens, background: FakeJobs
) -> None:
    answer = await api.post(METRICS, json={"idempotency_key": "k"}, headers=tokens.bearer(Role.ADMIN, "*"))

    assert (answer.status_code, answer.json()) == (202, body(QUEUED))
    assert background.started == [("aggregate_sync_metrics", NoArguments(), "k")]


@pytest.mark.parametrize("name", sorted(JOBS.keys() - {"auto_generate_evd01", "describe_evidence"}))
async def test_what_is_done_for_every_municipio_is_not_started_with_a_token_of_one(
    api: httpx.AsyncClient, tokens: Tokens, background: FakeJobs, name: str
) -> None:
    background.catalogue = dict(JOBS)
    sent = {"arguments": NEEDED.get(name, {})}
    answer = await api.post(f"/api/jobs/{name}", json=sent, headers=tokens.bearer(Role.ADMIN, CUIABA, VARZEA_GRANDE))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden_territory")
    assert background.started == []
    assert (await api.post(f"/api/jobs/{name}", json=sent, headers=tokens.bearer(Role.ADMIN, "*"))).status_code == 202


async def test_a_gestor_starts_reports_of_his_municipios_and_nothing_else(
    api: httpx.AsyncClient, tokens: Tokens, background: FakeJobs
) -> None:
    headers = tokens.bearer(Role.GESTOR)
    own = {"arguments": {"municipio_cod_ibge": CUIABA, "atividade_id": "1"}}
    foreign = {"arguments": {"municipio_cod_ibge": VARZEA_GRANDE, "atividade_id": "1"}}

    assert (await api.post(REPORT, json=own, headers=headers)).status_code == 202
    answer = await api.post(REPORT, json=foreign, headers=headers)
    assert (answer.status_code, answer.json()["path"]) == (422, "/arguments/municipio_cod_ibge")
    answer = await api.post(METRICS, json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden_role")
    assert background.started == [("auto_generate_evd01", AtividadeCompleted(CUIABA, "1"), None)]


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({"arguments": {"municipio_cod_ibge": CUIABA}}, "/arguments"),
        ({"arguments": {"municipio_cod_ibge": CUIABA, "atividade_id": 1}}, "/arguments/atividade_id"),
        ({"arguments": {"municipio_cod_ibge": CUIABA, "atividade_id": "1", "more": 1}}, "/arguments"),
        ({"arguments": []}, "/arguments"),
        ({"idempotency_key": ""}, "/idempotency_key"),
        ({"idempotency_key": "a\x00b"}, "/idempotency_key"),
        ({"argument": {}}, "/argument"),
    ],
)
async def test_what_a_job_does_not_take_is_refused_with_its_place(
    api: httpx.AsyncClient, tokens: Tokens, background: FakeJobs, sent: Any, path: str
) -> None:
    answer = await api.post(REPORT, json=sent, headers=tokens.bearer(Role.GESTOR))

    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (422, "invalid_body", path)
    assert background.started == []


@pytest.mark.parametrize(
    ("job", "arguments", "path"),
    [
        *(("generate_weekly_report", {"year": year, "week": 1}, "/arguments/year") for year in (-1, 0, 1, 9999)),
        *(("generate_weekly_report", {"year": 2025, "week": week}, "/arguments/week") for week in (-1, 0, 54, 99)),
        *(
            ("send_push_notification", {**NEEDED["send_push_notification"], "data": {"link": link}}, "/arguments")
            for link in ("https://evil", "techdengue://", "x techdengue://a", "techdengue://a\n", "")
        ),
    ],
)
async def test_what_would_fail_whenever_it_ran_is_refused_when_it_is_asked_for(
    api: httpx.AsyncClient, tokens: Tokens, background: FakeJobs, job: str, arguments: dict[str, Any], path: str
) -> None:
    background.catalogue = dict(JOBS)
    sent = {"arguments": arguments}
    answer = await api.post(f"/api/jobs/{job}", json=sent, headers=tokens.bearer(Role.ADMIN, "*"))
    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (422, "invalid_body", path)
    assert background.started == []


async def test_a_message_may_lead_to_a_place_in_the_app(
    api: httpx.AsyncClient, tokens: Tokens, background: FakeJobs
) -> None:
    background.catalogue = dict(JOBS)
    sent = {"arguments": {**NEEDED["send_push_notification"], "data": {"link": "techdengue://conflitos/1"}}}
    assert (await api.post(PUSH, json=sent, headers=tokens.bearer(Role.ADMIN, "*"))).status_code == 202


@pytest.mark.parametrize("role", [Role.GESTOR, Role.ADMIN])
@pytest.mark.parametrize("job", [AUTO_GENERATE_EVD01, GENERATE_WEEKLY_REPORT], ids=lambda job: job.name)
async def test_a_report_that_is_made_by_hand_is_nobodys_order(
    api: httpx.AsyncClient, tokens: Tokens, background: FakeJobs, job: AnyJob, role: Role
) -> None:
    background.catalogue = {job.name: job}
    own = {"municipio_cod_ibge": CUIABA, **({"atividade_id": "1"} if job is AUTO_GENERATE_EVD01 else {})}
    ordered = {"arguments": {**own, "report_id": "0192f3a1-c0de-7abc-8def-0123456789ab"}}
    answer = await api.post(f"/api/jobs/{job.name}", json=ordered, headers=tokens.bearer(role))
    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (422, "invalid_body", "/arguments")
    assert background.started == []
    assert (await api.post(f"/api/jobs/{job.name}", json={"arguments": own}, headers=tokens.bearer(role))).is_success
    assert background.started == [(job.name, job.arguments(**own), None)]


async def test_a_key_that_started_another_run_is_refused(
    api: httpx.AsyncClient, tokens: Tokens, background: FakeJobs
) -> None:
    background.error = KeyReused("other arguments")
    answer = await api.post(METRICS, json={"idempotency_key": "k"}, headers=tokens.bearer(Role.ADMIN, "*"))

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")


async def test_there_is_no_job_of_another_name(api: httpx.AsyncClient, tokens: Tokens) -> None:
    answer = await api.post("/api/jobs/make_coffee", json={}, headers=tokens.bearer(Role.ADMIN))

    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


@pytest.mark.parametrize(("verb", "code"), [("cancel", "run_ended"), ("retry", "run_not_retryable")])
async def test_only_an_admin_cancels_and_tries_again(
    api: httpx.AsyncClient, tokens: Tokens, background: FakeJobs, verb: str, code: str
) -> None:
    path, headers = f"/api/jobs/{RUN_ID}/{verb}", tokens.bearer(Role.ADMIN)

    assert (await api.post(path, headers=tokens.bearer(Role.GESTOR))).json()["code"] == "forbidden_role"
    answer = await api.post(path, headers=headers)
    assert (answer.status_code, answer.json()) == (202, body(RUN))
    background.changed = False
    answer = await api.post(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    background.found = False
    assert (await api.post(path, headers=headers)).status_code == 404


async def test_what_is_started_is_queued_once_a_key_and_seen_by_whom_it_concerns(
    server: httpx.AsyncClient, tokens: Tokens
) -> None:
    own = tokens.bearer(Role.GESTOR, CUIABA, user="gil")
    sent = {"arguments": {"municipio_cod_ibge": CUIABA, "atividade_id": "started-by-hand"}, "idempotency_key": "k-1"}
    first = await server.post(REPORT, json=sent, headers=own)
    assert (first.status_code, first.json()["status"], first.json()["origin"]) == (202, "queued", "request")
    again = await server.post(REPORT, json=sent, headers=own)
    assert again.json()["run_id"] == first.json()["run_id"]
    other = {"arguments": {"municipio_cod_ibge": CUIABA, "atividade_id": "another"}, "idempotency_key": "k-1"}
    refused = await server.post(REPORT, json=other, headers=own)
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_reused")

    path = f"/api/jobs/{first.json()['run_id']}"
    assert (await server.get(path, headers=own)).json() == first.json()
    assert (await server.get(path, headers=tokens.bearer(Role.GESTOR, VARZEA_GRANDE))).status_code == 404
    assert (await server.get(path, headers=tokens.bearer(Role.ADMIN, "*"))).status_code == 200


async def test_a_run_of_no_municipio_is_seen_with_every_municipio_only(
    server: httpx.AsyncClient, tokens: Tokens
) -> None:
    everywhere, somewhere = tokens.bearer(Role.ADMIN, "*"), tokens.bearer(Role.ADMIN, CUIABA)
    started = await server.post("/api/jobs/prune_push_targets", json={}, headers=everywhere)
    assert started.status_code == 202, started.text
    path = f"/api/jobs/{started.json()['run_id']}"

    assert (await server.get(path, headers=everywhere)).status_code == 200
    assert (await server.get(path, headers=somewhere)).status_code == 404
    assert (await server.post(f"{path}/cancel", headers=somewhere)).status_code == 404
    cancelled = await server.post(f"{path}/cancel", headers=everywhere)
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
    again = await server.post(f"{path}/cancel", headers=everywhere)
    assert (again.status_code, again.json()["code"]) == (409, "run_ended")
    assert (await server.post(f"{path}/retry", headers=somewhere)).status_code == 404
    queued = await server.post(f"{path}/retry", headers=everywhere)
    assert (queued.status_code, queued.json()["status"]) == (202, "queued")


async def test_pages_go_on_where_the_one_before_ended_and_cursors_belong_to_their_filters(
    server: httpx.AsyncClient, tokens: Tokens
) -> None:
    headers = tokens.bearer(Role.ADMIN, "*", user="pager")
    made = [
        (await server.post("/api/jobs/prune_push_targets", json={}, headers=headers)).json()["run_id"] for _ in range(5)
    ]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await server.get(f"/api/jobs?job=prune_push_targets&limit=2{cursor}", headers=headers)).json()
        seen += [run["run_id"] for run in page["items"]]
        assert [depth["queue"] for depth in page["queues"]] == ["cleanup", "notifications", "reports"]
        assert "prune_push_targets" in [schedule["job"] for schedule in page["schedules"]]
        cursor = f"&cursor={page['next_cursor']}" if page["has_more"] else None
    assert seen[:5] == made[::-1]
    assert len(set(seen)) == len(seen)

    page = (await server.get("/api/jobs?job=prune_push_targets&limit=2", headers=headers)).json()
    elsewhere = await server.get(f"/api/jobs?limit=2&cursor={page['next_cursor']}", headers=headers)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        (REPORT, {"arguments": {"municipio_cod_ibge": CUIABA, "atividade_id": "a\x00"}}, "/arguments/atividade_id"),
        (PUSH, {"arguments": {"user_id": "u", "title": "t", "body": "b", "data": {"\x00": ""}}}, "/arguments/data"),
        ("/api/reports", {"code": "EVD01", "atividade_id": "a\x00"}, "/atividade_id"),
    ],
)
async def test_a_text_that_no_table_takes_is_refused_with_its_place(
    server: httpx.AsyncClient, tokens: Tokens, path: str, body: dict[str, Any], where: str
) -> None:
    answer = await server.post(path, json=body, headers=tokens.bearer(Role.ADMIN, "*"))
    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (422, "invalid_body", where)
