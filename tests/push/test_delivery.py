"""Each active device gets a message once, whatever FCM, workers and databases do."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import structlog.testing

from jobs.outbox import ConflictParked
from jobs.push import open_pusher
from jobs.push.deliveries import CLAIMED_FOR, Claim, Deliveries, Result
from jobs.push.model import MessageType, Notification, Outcome
from jobs.push.notify_sync_conflict import NOTIFY_SYNC_CONFLICT, TTL
from jobs.push.send_push_notification import SEND_PUSH_NOTIFICATION, PushArguments
from jobs.push.texts import sync_conflict
from techdengue import telemetry
from techdengue.domain.access import Role

from .clock import Clock
from .delivering import SINOP, Site
from .faults import Fault
from .fcm import StandIn


def _pushed(outcome: str) -> float:
    return telemetry.REGISTRY.get_sample_value("push_messages_total", {"outcome": outcome}) or 0.0


def _note() -> Notification:
    messages = {"ana": sync_conflict(uuid.uuid4(), "atividade")}
    return Notification(key="k", type=MessageType.SYNC_CONFLICT, messages=messages, ttl=TTL)


async def _notify(site: Site, conflict_id: uuid.UUID) -> Any:
    return await site.attempt(NOTIFY_SYNC_CONFLICT, ConflictParked(conflict_id), key=str(conflict_id))


async def test_a_message_goes_to_every_active_device_of_the_user(site: Site, fcm: StandIn) -> None:
    await site.device("d-1", "ana")
    await site.device("d-2", "ana", kind="fid")
    await site.device("d-3", "bia")
    ending = await site.attempt(SEND_PUSH_NOTIFICATION, PushArguments("ana", "Aviso", "Há uma versão nova."))
    assert (ending.outcome, ending.counts) == ("succeeded", {"sent": 2})
    assert sorted(taken.target for taken in fcm.taken) == ["to-d-1", "to-d-2"]
    assert {"fid" in taken.message for taken in fcm.taken} == {True, False}


async def test_a_run_that_is_repeated_sends_only_what_is_not_settled(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana")
    await site.device("d-2", "ana")
    fcm.faults["to-d-2"] = [Fault.UNAVAILABLE]
    conflict = await site.conflict()
    first = await _notify(site, conflict)
    assert (first.outcome, await site.states()) == ("retried", {"d-ana": "sent", "d-2": "reserved"})
    assert first.again_in >= dt.timedelta(seconds=1)
    site.clock.forward(seconds=first.again_in.total_seconds())
    second = await _notify(site, conflict)
    assert (second.outcome, second.counts) == ("succeeded", {"sent": 2})
    assert [len(fcm.sent_to(f"to-{device}")) for device in ("d-ana", "d-2")] == [1, 1]


async def test_a_succeeded_run_that_is_repeated_sends_nothing(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana")
    conflict = await site.conflict()
    await _notify(site, conflict)
    await site.owner.execute("UPDATE jobs.run SET status = 'queued', finished_at = NULL, attempts = 0")
    assert (await _notify(site, conflict)).counts == {"sent": 1}
    assert len(fcm.taken) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.UNREGISTERED, "unregistered"),
        (Fault.INVALID_TOKEN, "invalid_target"),
        (Fault.SENDER_ID_MISMATCH, "sender_mismatch"),
    ],
)
async def test_a_target_that_is_none_is_turned_off_and_not_tried_again(
    site: Site, fcm: StandIn, fault: Fault, reason: str
) -> None:
    await site.device("d-ana", "ana", f"x!{fault}")
    ending = await _notify(site, await site.conflict())
    assert (ending.outcome, ending.counts) == ("succeeded", {reason: 1})
    assert await site.off("d-ana") == reason
    assert (await _notify(site, await site.conflict())).counts == {}
    assert fcm.requests == 1


async def test_a_target_that_was_registered_meanwhile_is_not_turned_off(site: Site) -> None:
    await site.device("d-ana", "ana", "old")
    note = _note()
    deliveries = Deliveries(note)
    async with site.services.pool.acquire() as connection:
        await deliveries.reserve(connection, site.clock())
        [claim] = await deliveries.claim(connection, site.clock())
        await site.device("d-ana", "ana", "new")
        await deliveries.settle(connection, [Result(claim=claim, outcome=Outcome.UNREGISTERED)], site.clock())
    assert await site.off("d-ana") is None


async def test_a_message_that_fcm_does_not_take_is_a_dead_letter_and_no_device_pays_for_it(
    site: Site, fcm: StandIn
) -> None:
    await site.device("d-ana", "ana", f"x!{Fault.INVALID_DATA}")
    await site.device("d-2", "ana")
    before = _pushed("rejected")
    ending = await _notify(site, await site.conflict())
    assert (ending.outcome, ending.error) == ("failed", "Permanent: 1 rejected")
    assert (await site.off("d-ana"), _pushed("rejected") - before) == (None, 1)
    assert len(fcm.sent_to("to-d-2")) == 1


async def test_apples_key_that_is_not_taken_stops_its_run_and_nobody_elses(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana", f"iphone!{Fault.THIRD_PARTY_AUTH_ERROR}")
    await site.device("d-bia", "bia")
    assert (await _notify(site, await site.conflict())).outcome == "failed"
    theirs = await site.conflict(device="d-bia", user="bia")
    assert ((await _notify(site, theirs)).counts, await site.off("d-ana")) == ({"sent": 1}, None)


@pytest.mark.parametrize("fault", [Fault.UNAUTHENTICATED, Fault.FORBIDDEN])
async def test_a_credential_that_is_not_taken_stops_all_turns_nothing_off_and_can_be_driven_again(
    site: Site, fcm: StandIn, fault: Fault
) -> None:
    await site.device("d-ana", "ana")
    fcm.everything = fault
    conflict = await site.conflict()
    ending = await _notify(site, conflict)
    assert (ending.outcome, ending.error) == ("failed", "Permanent: FCM does not take our credential: 1 to be sent")
    assert (fcm.requests, fcm.assertions, await site.off("d-ana")) == (2, 2, None)
    assert (await _notify(site, await site.conflict())).outcome == "failed"
    assert fcm.requests == 2, "FCM is not asked again within the minute"
    fcm.everything = None
    site.clock.forward(seconds=61)
    await site.owner.execute("UPDATE jobs.run SET status = 'queued', finished_at = NULL WHERE key = $1", str(conflict))
    assert (await _notify(site, conflict)).counts == {"sent": 1}


async def test_a_quota_that_is_used_up_holds_back_every_run_of_the_process(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana")
    fcm.everything, fcm.headers = Fault.QUOTA_EXCEEDED, {"Retry-After": "300"}
    first = await _notify(site, await site.conflict())
    assert first.outcome == "retried"
    assert first.again_in >= dt.timedelta(seconds=300)
    fcm.everything = None
    second = await _notify(site, await site.conflict())
    assert (second.outcome, fcm.requests) == ("retried", 1)
    site.clock.forward(seconds=300)
    assert (await _notify(site, await site.conflict())).outcome == "succeeded"


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.BAD_GATEWAY, Fault.DROPPED])
async def test_fcm_is_away_for_an_hour_and_every_device_gets_the_message_once(
    site: Site, fcm: StandIn, fault: Fault
) -> None:
    devices = [f"d-{number}" for number in range(20)]
    for device in devices:
        await site.device(device, "ana")
    fcm.everything = fault
    back = site.clock() + dt.timedelta(hours=1)
    conflict = await site.conflict()
    attempts = 0
    while (ending := await _notify(site, conflict)).outcome == "retried":
        attempts += 1
        site.clock.forward(seconds=ending.again_in.total_seconds())
        if site.clock() >= back:
            fcm.everything = None
    assert (ending.outcome, ending.counts) == ("succeeded", {"sent": 20})
    assert [len(fcm.sent_to(f"to-{device}")) for device in devices] == [1] * 20
    assert 8 <= attempts <= 20
    assert site.clock() - back < dt.timedelta(minutes=20)


async def test_what_could_not_be_sent_in_its_time_is_given_up_and_seen(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana")
    fcm.everything = Fault.UNAVAILABLE
    began, before = site.clock(), _pushed("given_up")
    conflict = await site.conflict()
    while (ending := await _notify(site, conflict)).outcome == "retried":
        site.clock.forward(seconds=ending.again_in.total_seconds())
    assert (ending.outcome, ending.error) == ("failed", "Permanent: 1 given_up")
    assert TTL <= site.clock() - began < TTL + dt.timedelta(minutes=1)
    assert (await site.states(), _pushed("given_up") - before) == ({"d-ana": "given_up"}, 1)


async def test_what_is_left_of_a_messages_time_goes_with_it(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana")
    fcm.faults["to-d-ana"] = [Fault.INTERNAL]
    conflict = await site.conflict()
    await _notify(site, conflict)
    site.clock.forward(hours=1)
    await _notify(site, conflict)
    assert [taken.message["android"]["ttl"] for taken in fcm.taken] == [f"{23 * 3600}s"]


async def test_a_worker_that_was_killed_while_it_sent_is_waited_for_and_no_more_sent_than_one_notification(
    site: Site, fcm: StandIn
) -> None:
    await site.device("d-ana", "ana")
    conflict = await site.conflict()
    fcm.faults["to-d-ana"] = [Fault.SLOW]
    dying = asyncio.create_task(_notify(site, conflict))
    while fcm.requests == 0:  # noqa: ASYNC110 - of another task
        await asyncio.sleep(0)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await site.owner.execute("UPDATE jobs.run SET status = 'queued', heartbeat_at = NULL, worker = NULL")
    waiting = await _notify(site, conflict)
    assert (waiting.outcome, len(fcm.taken)) == ("retried", 0)
    assert waiting.again_in >= CLAIMED_FOR
    site.clock.forward(seconds=CLAIMED_FOR.total_seconds())
    fcm.release()
    assert (await _notify(site, conflict)).counts == {"sent": 1}
    assert len(set(fcm.sent_to("to-d-ana"))) == 1


async def test_what_was_answered_before_a_run_was_ended_is_not_sent_again(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana")
    await site.device("d-2", "ana")
    fcm.faults["to-d-2"] = [Fault.SLOW]
    conflict, before = await site.conflict(), _pushed("sent")
    ended = asyncio.create_task(_notify(site, conflict))
    while _pushed("sent") == before or fcm.requests < 2:  # noqa: ASYNC110 - of another task
        await asyncio.sleep(0.001)
    ended.cancel()
    await asyncio.gather(ended, return_exceptions=True)
    assert await site.states() == {"d-ana": "sent", "d-2": "reserved"}


async def test_a_database_that_cuts_its_connections_meanwhile_costs_no_second_message(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana")
    fcm.faults["to-d-ana"] = [Fault.SLOW]
    run = asyncio.create_task(_notify(site, await site.conflict()))
    while fcm.requests == 0:  # noqa: ASYNC110 - of another task
        await asyncio.sleep(0.001)
    await site.owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'techdengue_jobs' AND datname = current_database()"
    )
    fcm.release()
    assert ((await run).counts, len(fcm.taken)) == ({"sent": 1}, 1)


async def test_a_lost_answer_is_sent_again_with_the_same_tag(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana")
    fcm.faults["to-d-ana"] = [Fault.ANSWER_LOST]
    conflict = await site.conflict()
    ending = await _notify(site, conflict)
    site.clock.forward(seconds=ending.again_in.total_seconds())
    await _notify(site, conflict)
    assert fcm.sent_to("to-d-ana") == [f"conflito/{conflict}"] * 2


async def test_two_workers_at_once_send_each_message_once(site: Site, fcm: StandIn) -> None:
    for number in range(30):
        await site.device(f"d-{number}", "ana")
    note = _note()

    async def work() -> Sequence[Claim]:
        deliveries = Deliveries(note)
        async with site.services.pool.acquire() as connection:
            await deliveries.reserve(connection, site.clock())
            return await deliveries.claim(connection, site.clock())

    claims = await asyncio.gather(*(work() for _ in range(4)))
    assert sorted(claim.device_id for got in claims for claim in got) == sorted(f"d-{number}" for number in range(30))


async def test_more_devices_than_a_portion_get_it_in_one_run(site: Site, fcm: StandIn) -> None:
    for number in range(250):
        await site.device(f"d-{number}", "ana")
    assert (await _notify(site, await site.conflict())).counts == {"sent": 250}
    assert len({taken.target for taken in fcm.taken}) == len(fcm.taken) == 250


async def test_a_device_that_changed_hands_does_not_get_its_former_users_message(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana")
    fcm.everything = Fault.UNAVAILABLE
    message = PushArguments("ana", "Aviso", "Há uma versão nova.")
    ending = await site.attempt(SEND_PUSH_NOTIFICATION, message, key="k")
    await site.owner.execute("UPDATE techdengue.device SET owner = 'bia'")
    fcm.everything = None
    site.clock.forward(seconds=ending.again_in.total_seconds())
    assert (await site.attempt(SEND_PUSH_NOTIFICATION, message, key="k")).counts == {"withdrawn": 1}
    assert fcm.taken == []


async def test_somebody_who_is_no_manager_any_more_is_not_told(site: Site, fcm: StandIn) -> None:
    await site.device("d-gil", "gil", role=Role.GESTOR)
    fcm.everything = Fault.UNAVAILABLE
    conflict = await site.conflict()
    ending = await _notify(site, conflict)
    await site.device("d-gil", "gil", role=Role.CAMPO)
    fcm.everything = None
    site.clock.forward(seconds=ending.again_in.total_seconds())
    assert (await _notify(site, conflict)).counts == {"withdrawn": 1}
    assert fcm.taken == []


async def test_an_app_that_was_installed_anew_meanwhile_gets_the_message_once(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana", "phone")
    conflict = await site.conflict()
    fcm.faults["phone"] = [Fault.UNAVAILABLE]
    ending = await _notify(site, conflict)
    await site.device("d-new", "ana", "phone")
    site.clock.forward(seconds=ending.again_in.total_seconds())
    assert (await _notify(site, conflict)).counts == {"withdrawn": 1, "sent": 1}
    await site.device("d-newer", "ana", "phone")
    await site.owner.execute("UPDATE jobs.run SET status = 'queued', finished_at = NULL")
    await _notify(site, conflict)
    assert len(fcm.sent_to("phone")) == 1


@pytest.mark.parametrize(("days", "sent"), [(269, 1), (271, 0)])
async def test_a_device_that_nobody_saw_for_270_days_is_sent_nothing(
    site: Site, fcm: StandIn, days: int, sent: int
) -> None:
    await site.device("d-ana", "ana")
    await site.seen("d-ana", site.clock() - dt.timedelta(days=days))
    await _notify(site, await site.conflict())
    assert len(fcm.taken) == sent


async def test_a_conflict_is_told_to_its_author_and_the_municipios_managers_and_to_nobody_twice(
    site: Site, fcm: StandIn
) -> None:
    await site.device("d-ana", "ana", role=Role.GESTOR)
    await site.device("d-gil", "gil", role=Role.GESTOR)
    await site.device("d-all", "zoe", role=Role.GESTOR, municipios=("*",))
    await site.device("d-far", "fay", role=Role.GESTOR, municipios=(SINOP,))
    await site.device("d-field", "caio")
    await site.device("d-once", "ivo", role=Role.GESTOR)
    await site.seen("d-once", site.clock() - dt.timedelta(days=2))
    await site.device("d-now", "ivo", role=Role.CAMPO)
    assert (await _notify(site, await site.conflict())).counts == {"sent": 3}
    assert sorted(taken.target for taken in fcm.taken) == ["to-d-all", "to-d-ana", "to-d-gil"]


async def test_a_conflict_that_is_settled_already_is_no_news(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana")
    conflict = await site.conflict()
    await site.owner.execute("UPDATE projections.conflict SET status = 'resolved', resolved_sequence = 3")
    assert (await _notify(site, conflict)).counts == {"already_resolved": 1}
    assert (await site.states(), fcm.requests) == ({}, 0)


async def test_a_message_holds_ids_and_no_person(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana-maria-de-souza")
    conflict = await site.conflict(user="ana-maria-de-souza")
    await _notify(site, conflict)
    [taken] = fcm.taken
    assert taken.message["data"] == {
        "type": "sync_conflict",
        "id": str(conflict),
        "link": f"techdengue://conflitos/{conflict}",
    }
    assert "souza" not in str(taken.message)


async def test_without_credentials_runs_succeed_and_it_is_said_once(site: Site, clock: Clock) -> None:
    await site.device("d-ana", "ana")
    with structlog.testing.capture_logs() as logs:
        async with open_pusher(site.services.settings, clock=clock) as pusher:
            assert pusher is None
            quiet = Site(site.owner, _without_push(site), clock)
            endings = [await _notify(quiet, await site.conflict()) for _ in range(2)]
    assert [ending.counts for ending in endings] == [{"skipped_no_credentials": 1}] * 2
    assert [log["event"] for log in logs].count("push_not_configured") == 1


def _without_push(site: Site) -> Any:
    return msgspec.structs.replace(site.services, push=None)


async def test_a_name_that_fcm_keeps_for_itself_is_refused(site: Site, fcm: StandIn) -> None:
    await site.device("d-ana", "ana")
    ending = await site.attempt(SEND_PUSH_NOTIFICATION, PushArguments("ana", "T", "B", {"from": "x"}))
    assert ending.outcome == "failed"
    assert fcm.requests == 0
