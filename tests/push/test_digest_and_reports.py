"""The daily digest, the word about a report, and the pruning of what nobody needs any more."""

import datetime as dt
import uuid
from typing import Any

import pytest

from jobs.model import NoArguments
from jobs.push.notify_report_ready import NOTIFY_REPORT_READY, ReportReady
from jobs.push.prune_push_targets import PRUNE_PUSH_TARGETS
from jobs.push.send_daily_digest import SEND_DAILY_DIGEST, day_before
from techdengue.domain.access import Role

from .delivering import CUIABA, SINOP, Site
from .faults import Fault
from .fcm import StandIn

DUE = dt.datetime(2026, 3, 10, 12, 7, tzinfo=dt.UTC)
"""08:07 in Cuiabá, which is four hours behind UTC all year."""
MIDNIGHT = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)


async def _digest(site: Site, *, due_at: dt.datetime = DUE, key: str | None = None) -> Any:
    return await site.attempt(SEND_DAILY_DIGEST, NoArguments(), due_at=due_at, key=key)


async def _event(
    site: Site, position: int, moment: dt.datetime, *, municipio: str = CUIABA, kind: str = "atividade.create"
) -> None:
    """Something that arrived then; past the intake, whose clock is the server's."""
    await site.owner.execute(
        "INSERT INTO eventstore.event (lane, rule_set, position, sequence, version, occurred_at, recorded_at, tenant,"
        " stream, type, writer, key, digest, actor, outcome, payload, metadata) VALUES (0, 1, $1::bigint, 1, 1, $2, $2,"
        " $3, 's-' || $1::bigint, $4, 'w', 'k-' || $1::bigint, '', 'ana', 'applied', '', '')",
        position,
        moment,
        municipio,
        kind,
    )


async def _device_heard(site: Site, device_id: str, moment: dt.datetime, municipio: str = CUIABA) -> None:
    await site.owner.execute("INSERT INTO techdengue.device (device_id, owner) VALUES ($1, 'field')", device_id)
    await site.owner.execute(
        "INSERT INTO projections.device_status VALUES ($1, $2, 'field', 1, 0, 0, 0, 0, 0, 0, 1, $3, $3)",
        device_id,
        municipio,
        moment,
    )


def test_the_day_before_is_one_of_cuiaba() -> None:
    assert day_before(DUE) == (dt.date(2026, 3, 9), MIDNIGHT - dt.timedelta(days=1), MIDNIGHT)
    assert day_before(MIDNIGHT)[0] == dt.date(2026, 3, 9)
    assert day_before(MIDNIGHT - dt.timedelta(seconds=1))[0] == dt.date(2026, 3, 8)


async def test_a_manager_is_told_of_yesterday_in_their_municipios(site: Site, fcm: StandIn) -> None:
    await site.device("d-gil", "gil", role=Role.GESTOR)
    await site.device("d-zoe", "zoe", role=Role.GESTOR, municipios=("*",))
    await site.device("d-field", "caio")
    instant = dt.timedelta(microseconds=1)
    await _event(site, 1, MIDNIGHT - dt.timedelta(days=1) - instant)
    await _event(site, 2, MIDNIGHT - dt.timedelta(days=1))
    await _event(site, 3, MIDNIGHT - instant)
    await _event(site, 4, MIDNIGHT)
    await _event(site, 5, MIDNIGHT - instant, kind="evidencia.create", municipio=SINOP)
    await _event(site, 6, MIDNIGHT - instant, kind="atividade.update")
    await _device_heard(site, "silent", MIDNIGHT - dt.timedelta(days=7) - instant)
    await _device_heard(site, "not-yet", MIDNIGHT - dt.timedelta(days=7))
    await _device_heard(site, "gone", MIDNIGHT - dt.timedelta(days=31))
    await site.owner.execute("UPDATE techdengue.device SET refreshed_at = now()")
    site.clock.moment = MIDNIGHT - instant
    await site.conflict(municipio=SINOP)
    site.clock.moment = DUE
    assert (await _digest(site)).counts == {"sent": 2}
    assert {taken.target: taken.message["notification"]["body"] for taken in fcm.taken} == {
        "to-d-gil": "2 atividades, nenhuma evidência, nenhum conflito aberto e 1 dispositivo sem sincronizar.",
        "to-d-zoe": "2 atividades, 1 evidência, 1 conflito aberto e 1 dispositivo sem sincronizar.",
    }
    assert fcm.taken[0].message["notification"]["title"] == "Resumo de 09/03/2026"


async def test_however_often_it_runs_a_day_is_told_once(site: Site, fcm: StandIn) -> None:
    await site.device("d-gil", "gil", role=Role.GESTOR)
    await site.device("d-bia", "bia", role=Role.GESTOR)
    fcm.faults["to-d-bia"] = [Fault.UNAVAILABLE]
    assert (await _digest(site, key="scheduled")).outcome == "retried"
    site.clock.forward(minutes=5)
    for key in ("scheduled", "by hand", "caught up"):
        assert (await _digest(site, key=key)).counts == {"sent": 2}
    assert [len(fcm.sent_to(target)) for target in ("to-d-gil", "to-d-bia")] == [1, 1]
    site.clock.forward(days=1)
    assert (await _digest(site, due_at=DUE + dt.timedelta(days=1))).counts == {"sent": 2}
    assert len(fcm.taken) == 4


async def test_a_digest_of_days_ago_is_no_news(site: Site, fcm: StandIn) -> None:
    await site.device("d-gil", "gil", role=Role.GESTOR)
    site.clock.moment = DUE + dt.timedelta(hours=15, seconds=1)
    assert (await _digest(site)).counts == {"too_late": 1}
    assert fcm.requests == 0


async def test_a_digest_holds_counts_and_no_person(site: Site, fcm: StandIn) -> None:
    await site.device("d-gil", "gil-de-souza", role=Role.GESTOR)
    await _digest(site)
    assert "souza" not in str(fcm.taken[0].message)


async def _report(site: Site, *, requested_by: str | None = "ana", ready: bool = True) -> uuid.UUID:
    report_id = uuid.uuid4()
    moment = site.clock() if ready else None
    await site.owner.execute(
        "INSERT INTO jobs.report (report_id, code, status, municipio_cod_ibge, period_start, period_end, page_size,"
        " orientation, requested_by, requested_at, run_id, generated_at, content, bucket, object_key, size_bytes,"
        " sha256) VALUES ($1, 'SEMANAL', $2, $3, '2026-03-01', '2026-03-07', 'A4', 'portrait', $4, $5, $1, $6, '', 'b',"
        " 'k', 1, sha256(''))",
        report_id,
        "ready" if ready else "queued",
        CUIABA,
        requested_by,
        site.clock(),
        moment,
    )
    return report_id


async def test_who_asked_for_a_report_is_told_when_it_is_ready(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana")
    await site.device("d-gil", "gil", role=Role.GESTOR)
    report = await _report(site)
    for _ in range(2):
        assert (await site.attempt(NOTIFY_REPORT_READY, ReportReady(report))).counts == {"sent": 1}
    [taken] = fcm.taken
    assert (taken.target, taken.message["data"]) == (
        "to-d-ana",
        {"type": "report_ready", "id": str(report), "link": f"techdengue://relatorios/{report}"},
    )


async def test_of_a_report_that_nobody_asked_for_or_that_is_not_ready_nobody_is_told(site: Site, fcm: StandIn) -> None:
    nobodys = ReportReady(await _report(site, requested_by=None))
    assert (await site.attempt(NOTIFY_REPORT_READY, nobodys)).counts == {"nobody_asked": 1}
    early = ReportReady(await _report(site, ready=False))
    assert (await site.attempt(NOTIFY_REPORT_READY, early)).outcome == "failed"
    assert fcm.requests == 0


@pytest.mark.parametrize(("synced", "kept"), [(False, ["new"]), (True, ["new", "old"])])
async def test_the_target_of_a_device_that_nobody_saw_for_270_days_is_dropped(
    site: Site, synced: bool, kept: list[str]
) -> None:
    for device, days in (("old", 271), ("new", 269)):
        await site.device(device, "ana")
        await site.seen(device, site.clock() - dt.timedelta(days=days))
    if synced:
        await site.owner.execute(
            "INSERT INTO techdengue.sync_request (device_id, user_id, received_at) VALUES ('old', 'ana', $1)",
            site.clock() - dt.timedelta(days=3),
        )
    ending = await site.attempt(PRUNE_PUSH_TARGETS, NoArguments())
    assert ending.counts == {"targets": 2 - len(kept), "deliveries": 0}
    left = await site.owner.fetch("SELECT device_id FROM techdengue.device WHERE push_token IS NOT NULL ORDER BY 1")
    assert [row["device_id"] for row in left] == kept
    assert await site.off("old") == (None if synced else "unseen")
    assert (await site.attempt(PRUNE_PUSH_TARGETS, NoArguments())).counts == {"targets": 0, "deliveries": 0}


async def test_deliveries_of_half_a_year_ago_are_forgotten(site: Site, fcm: StandIn) -> None:
    await site.device("d-gil", "gil", role=Role.GESTOR)
    await _digest(site)
    site.clock.forward(days=180)
    assert (await site.attempt(PRUNE_PUSH_TARGETS, NoArguments())).counts == {"targets": 0, "deliveries": 0}
    site.clock.forward(seconds=1)
    assert (await site.attempt(PRUNE_PUSH_TARGETS, NoArguments())).counts == {"targets": 0, "deliveries": 1}
