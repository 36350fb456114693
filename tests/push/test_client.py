"""The client against a server that speaks FCM's wire."""

import asyncio
import datetime as dt
import json
from pathlib import Path

import pytest

from jobs.push import texts
from jobs.push.client import FcmClient
from jobs.push.errors import CredentialsUnusable
from jobs.push.model import Answer, Outcome, Target, TargetKind
from jobs.push.service_account import read_service_account

from .clock import Clock
from .faults import Fault
from .fcm import StandIn
from .test_pure import ID, OUTCOMES

TTL = dt.timedelta(hours=1)
MESSAGE = texts.sync_conflict(ID, "atividade")


async def _send(client: FcmClient, target: str, kind: TargetKind = TargetKind.TOKEN) -> Answer:
    return await client.send(MESSAGE, Target(kind, target), ttl=TTL)


async def test_a_message_reaches_a_token_and_an_installation_id(client: FcmClient, fcm: StandIn) -> None:
    for kind in TargetKind:
        assert (await _send(client, f"a-{kind}", kind)).outcome is Outcome.SENT
    assert [(taken.target, taken.tag) for taken in fcm.taken] == [
        ("a-token", MESSAGE.tag),
        ("a-fid", MESSAGE.tag),
    ]


@pytest.mark.parametrize(("fault", "outcome"), OUTCOMES.items())
async def test_every_error_on_the_wire_has_its_outcome(
    client: FcmClient, fcm: StandIn, fault: Fault, outcome: Outcome
) -> None:
    answer = await _send(client, f"x!{fault}")
    assert answer.outcome is outcome
    assert fcm.taken == []


async def test_what_fcm_asks_to_wait_is_heard(client: FcmClient, fcm: StandIn) -> None:
    fcm.headers = {"Retry-After": "120"}
    assert (await _send(client, f"x!{Fault.QUOTA_EXCEEDED}")).retry_after == dt.timedelta(seconds=120)
    fcm.headers = {"Retry-After": "Tue, 10 Mar 2026 12:00:40 GMT"}
    assert (await _send(client, f"x!{Fault.UNAVAILABLE}")).retry_after == dt.timedelta(seconds=40)


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.DROPPED, Fault.ANSWER_LOST])
async def test_a_slow_or_cut_connection_is_an_outage(client: FcmClient, fault: Fault) -> None:
    answer = await _send(client, f"x!{fault}")
    assert (answer.outcome, answer.status) == (Outcome.UNAVAILABLE, 0)


async def test_nobody_there_is_an_outage(client: FcmClient, fcm: StandIn) -> None:
    await _send(client, "a")
    client._url = client._url.replace(fcm.url, "http://127.0.0.1:1")
    assert (await _send(client, "a")).outcome is Outcome.UNAVAILABLE


async def test_connections_are_used_again(client: FcmClient, fcm: StandIn) -> None:
    for _ in range(10):
        await _send(client, "a")
    assert (fcm.requests, len(fcm.connections)) == (10, 1)


async def test_many_at_once_share_one_access_token_and_few_connections(client: FcmClient, fcm: StandIn) -> None:
    answers = await asyncio.gather(*(_send(client, f"a-{number}") for number in range(100)))
    assert {answer.outcome for answer in answers} == {Outcome.SENT}
    assert fcm.assertions == 1
    assert len(fcm.connections) <= 8


async def test_an_access_token_is_refreshed_at_four_fifths_of_its_time(
    client: FcmClient, fcm: StandIn, clock: Clock
) -> None:
    await _send(client, "a")
    clock.forward(seconds=2879)
    await _send(client, "a")
    assert fcm.assertions == 1
    clock.forward(seconds=1)
    await asyncio.gather(*(_send(client, "a") for _ in range(20)))
    assert fcm.assertions == 2


async def test_the_old_token_serves_while_the_token_endpoint_is_away(
    client: FcmClient, fcm: StandIn, clock: Clock
) -> None:
    await _send(client, "a")
    fcm.token_answer = (503, {"Retry-After": "30"}, b"")
    clock.forward(seconds=3000)
    assert (await _send(client, "a")).outcome is Outcome.SENT
    clock.forward(seconds=600)
    answer = await _send(client, "a")
    assert (answer.outcome, answer.retry_after) == (Outcome.UNAVAILABLE, dt.timedelta(seconds=30))


@pytest.mark.parametrize("answer", [(200, {}, b"<html>"), (502, {}, b"<html>"), (429, {}, b"")])
async def test_a_token_endpoint_in_trouble_is_an_outage(
    client: FcmClient, fcm: StandIn, answer: tuple[int, dict[str, str], bytes]
) -> None:
    fcm.token_answer = answer
    assert (await _send(client, "a")).outcome is Outcome.UNAVAILABLE


async def test_those_who_wait_for_a_token_that_cannot_be_had_ask_once(client: FcmClient, fcm: StandIn) -> None:
    fcm.token_answer = (503, {}, b"")
    answers = await asyncio.gather(*(_send(client, "a") for _ in range(50)))
    assert {answer.outcome for answer in answers} == {Outcome.UNAVAILABLE}
    assert fcm.assertions == 1


async def test_a_service_account_that_is_refused_stops_everything(client: FcmClient, fcm: StandIn) -> None:
    fcm.token_answer = (400, {}, b'{"error":"invalid_grant","error_description":"secret"}')
    answer = await _send(client, "a")
    assert (answer.outcome, answer.code) == (Outcome.UNAUTHORIZED, "invalid_grant")
    assert fcm.requests == 0


async def test_a_token_that_is_not_taken_is_refreshed_once_and_for_all(client: FcmClient, fcm: StandIn) -> None:
    await _send(client, "a")
    fcm.revoke()
    answers = await asyncio.gather(*(_send(client, "b") for _ in range(10)))
    assert {answer.outcome for answer in answers} == {Outcome.SENT}
    assert (fcm.assertions, len(fcm.sent_to("b"))) == (2, 10)


async def test_a_credential_that_is_not_taken_twice_is_not_tried_a_third_time(client: FcmClient, fcm: StandIn) -> None:
    await _send(client, "a")
    assert (await _send(client, f"x!{Fault.THIRD_PARTY_AUTH_ERROR}")).outcome is Outcome.UNAUTHORIZED
    assert (fcm.requests, fcm.assertions) == (3, 2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        ("{", "no service-account key"),
        ({"private_key": "x"}, "private_key"),
        ({"type": "authorized_user"}, "type"),
        ({"token_uri": "token"}, "token_uri"),
    ],
    ids=["missing", "no JSON", "no key", "another type", "no address"],
)
def test_a_file_that_is_no_service_account_is_told_apart(
    account_file: Path, content: str | dict[str, str] | None, reason: str
) -> None:
    if content is None:
        account_file.unlink()
    elif isinstance(content, str):
        account_file.write_text(content)
    else:
        account_file.write_text(json.dumps({**json.loads(account_file.read_text()), **content}))
    with pytest.raises(CredentialsUnusable, match=reason) as failure:
        read_service_account(account_file)
    assert "PRIVATE KEY" not in str(failure.value)
