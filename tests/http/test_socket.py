"""`GET /api/sync/ws` over fakes: what is said both ways, what ends a connection, and what one may not do to others."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
import structlog

from techdengue.domain.access import Role
from techdengue.feed import Feed
from techdengue.http.auth import TokenVerifier
from techdengue.http.openapi import examples
from techdengue.http.services import Services
from techdengue.http.socket import connection
from techdengue.http.socket.messages import LARGEST_FRAME
from techdengue.intake.errors import DeviceTaken, Overloaded

from .conftest import VARZEA_GRANDE, Tokens, operation, settings_for
from .fakes import FakeJobs, FakeReaders, FakeReports, FakeTrail
from .speaking import connected, greeted
from .test_stream import Choosy

MakeServices = Callable[..., Services]


@pytest.fixture
def intake() -> Choosy:
    """An intake that may refuse, or keep one waiting."""
    return Choosy()


@pytest.fixture
async def make_services(
    tokens: Tokens, intake: Choosy, readers: FakeReaders, feed: Feed
) -> AsyncIterator[MakeServices]:
    """Services over fakes, with settings of one's own."""

    def make(**settings: Any) -> Services:
        chosen = settings_for(tokens, **settings)
        return Services(
            intake=intake,
            readers=readers,
            feed=feed,
            jobs=FakeJobs(),
            reports=FakeReports(),
            verifier=TokenVerifier(chosen),
            audit=FakeTrail(),
            settings=chosen,
        )

    async with feed.running():
        yield make


@pytest.fixture
def services(make_services: MakeServices) -> Services:
    """Services with the default settings."""
    return make_services()


@pytest.fixture
def token(tokens: Tokens) -> str:
    """A CAMPO token."""
    return tokens.mint()


def frame(seq: int, *keys: str, **more: Any) -> dict[str, Any]:
    """The fields of a message of operations."""
    return {"seq": seq, "operations": [operation(key) for key in keys], **more}


async def test_a_welcome_tells_the_window_and_the_tokens_end(services: Services, token: str) -> None:
    async with connected(services, token) as device:
        device.say("hello", device_id="device-1", changes=False, unheard_of=1)
        welcome = await device.hear("welcome")
    assert welcome["device_id"] == "device-1"
    assert welcome["window"] == {"operations": 1000, "bytes": 5 * 1024 * 1024}
    assert welcome["heartbeat_seconds"] == 30
    assert welcome["token_expires_at"].endswith("Z")


async def test_frames_that_wait_are_committed_one_after_the_other(
    services: Services, token: str, intake: Choosy
) -> None:
    intake.going.clear()
    async with greeted(services, token) as device:
        for seq in (1, 2, 3):
            device.say("operations", **frame(seq, f"k{seq}"))
        device.say("heartbeat")
        await intake.arrived.wait()
        assert intake.asked == [1]
        intake.going.set()
        for seq in (1, 2, 3):
            results = await device.hear("results")
            assert (results["seq"], results["acknowledged"], results["processed"]) == (seq, seq, 1)
    assert [batch.operations[0].idempotency_key for batch in intake.batches] == ["k1", "k2", "k3"]


async def test_one_malformed_operation_is_an_error_among_the_results(services: Services, token: str) -> None:
    bad = [{}, 1, {**operation("half"), "entity_type": "\ud800"}, {**operation("huge"), "entity_id": 10**30}]
    async with greeted(services, token) as device:
        device.say("operations", seq=1, operations=[operation("a"), *bad, operation("b")])
        results = await device.hear("results")
    assert [each["index"] for each in results["errors"]] == [1, 2, 3, 4]
    assert [each["idempotency_key"] for each in results["successes"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        (b"binary", ""),
        ("", ""),
        ("{", ""),
        ("[]", "/type"),
        ("null", "/type"),
        ('{"type":"shout"}', "/type"),
        ('{"type":["operations"]}', "/type"),
        ("[" * 200_000, ""),
        ('{"type":"operations","seq":1,"operations":' + "[" * 50_000, ""),
        ('{"type":"operations","seq":1}', "/operations"),
        ('{"type":"operations","seq":2,"operations":[]}', "/seq"),
        ('{"type":"operations","seq":1e400,"operations":[]}', "/seq"),
        ('{"type":"operations","seq":"1","operations":[]}', "/seq"),
        ('{"type":"operations","seq":0,"operations":[]}', "/seq"),
        ('{"type":"operations","seq":1,"operations":{}}', "/operations"),
        ('{"type":"operations","seq":1,"operations":[],"batch_id":"\\ud800"}', "/batch_id"),
        ('{"type":"operations","seq":1,"operations":[],"batch_id":"\\u0000"}', "/batch_id"),
        ('{"type":"operations","seq":1,"operations":[' + "1," * 200 + "1]}", "/operations"),
        ('{"type":"credit","items":1}', "/type"),
        ('{"type":"credit","items":-1}', "/items"),
        ('{"type":"hello","device_id":"device-1"}', "/type"),
    ],
)
async def test_what_is_no_message_closes_the_connection(
    services: Services, token: str, sent: str | bytes, path: str
) -> None:
    async with greeted(services, token) as device:
        device.send(sent)
        problem = await device.closed(4400, "malformed_frame")
        assert problem.get("path", "") == path, problem
        assert problem["detail"]
        assert problem["instance"] == "urn:techdengue:request:r-1"


async def test_the_first_message_is_a_hello_and_comes_soon(
    services: Services, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(services, token) as device:
        device.say("heartbeat")
        await device.closed(4400, "malformed_frame")
    monkeypatch.setattr(connection, "HELLO_SECONDS", 0.01)
    async with connected(services, token) as device:
        await device.closed(4408, "device_silent")


@pytest.mark.parametrize(
    ("hello", "code", "reason"),
    [
        ({"device_id": "console:x"}, 4400, "invalid_device_id"),
        ({"device_id": ""}, 4400, "invalid_device_id"),
        ({"entity_type": "casa"}, 4400, "invalid_parameter"),
        ({"credit": 10_001}, 4400, "malformed_frame"),
    ],
)
async def test_a_hello_that_is_not_acceptable_closes_the_connection(
    services: Services, token: str, hello: dict[str, Any], code: int, reason: str
) -> None:
    async with connected(services, token) as device:
        device.say("hello", **{"device_id": "device-1", **hello})
        await device.closed(code, reason)


async def test_another_users_device_is_refused(services: Services, token: str, readers: FakeReaders) -> None:
    readers.owner = "bia"
    async with connected(services, token) as device:
        device.say("hello", device_id="device-1")
        await device.closed(4403, "device_taken")


async def test_a_device_that_is_taken_while_its_frame_is_under_way_is_not_to_send_it_again(
    services: Services, token: str, intake: Choosy
) -> None:
    intake.refuse = lambda batch: DeviceTaken(device_id=batch.device_id)
    async with greeted(services, token) as device:
        device.say("operations", seq=1, operations=[operation()])
        await device.closed(4403, "device_taken")


@pytest.mark.parametrize("message", [{"kind": "hello", "device_id": "device-1"}, {"kind": "operations", "seq": 1}])
async def test_a_device_that_is_lost_before_its_answer_is_no_failure_of_ours(
    services: Services, token: str, message: dict[str, Any]
) -> None:
    async with connected(services, token) as device:
        if message["kind"] == "operations":
            device.say("hello", device_id="device-1", changes=False)
            await device.hear("welcome")
            message = {**message, "operations": [operation()]}
        device.lost = True
        device.say(**message)
        with structlog.testing.capture_logs() as logged:
            async with asyncio.timeout(30):
                assert await device.ended == 1006
        assert not logged


async def test_a_frame_that_is_too_large_closes_the_connection(services: Services, token: str) -> None:
    async with greeted(services, token) as device:
        device.send(" " * (LARGEST_FRAME + 1))
        await device.closed(1009, "body_too_large")


async def test_more_than_the_window_closes_the_connection(services: Services, token: str, intake: Choosy) -> None:
    intake.going.clear()
    async with greeted(services, token) as device:
        for seq in range(1, 7):
            device.say("operations", **frame(seq, *(f"{seq}-{number}" for number in range(200))))
        await device.closed(4429, "window_exceeded")
    assert services.bodies.held("ana") == 0


async def test_after_a_refused_frame_the_device_begins_again_there(
    services: Services, token: str, intake: Choosy
) -> None:
    intake.going.clear()
    intake.refuse = lambda batch: Overloaded(retry_after=3) if len(intake.asked) == 2 else None
    async with greeted(services, token) as device:
        for seq in (1, 2, 3):
            device.say("operations", **frame(seq, f"k{seq}"))
        intake.going.set()
        assert (await device.hear("results"))["seq"] == 1
        refused = await device.hear("refused")
        assert (refused["seq"], refused["problem"]["code"], refused["problem"]["retry_after"]) == (2, "overloaded", 3)
        later = await device.hear("refused")
        assert (later["seq"], later["problem"]["code"]) == (3, "earlier_frame_refused")
        device.say("operations", **frame(4, "k4"))
        assert (await device.hear("refused"))["problem"]["code"] == "earlier_frame_refused"
        for seq in (2, 3, 4):
            device.say("operations", **frame(seq, f"k{seq}"))
        assert [(await device.hear("results"))["seq"] for _ in range(3)] == [2, 3, 4]
        device.say("operations", **frame(4, "k4"))
        await device.closed(4400, "malformed_frame")
    keys = [getattr(each, "idempotency_key", None) for batch in intake.batches for each in batch.operations]
    assert keys == ["k1", "k2", "k3", "k4"]


async def test_a_frame_that_fails_is_refused_and_the_connection_goes_on(
    services: Services, token: str, intake: Choosy
) -> None:
    intake.refuse = lambda batch: ValueError("secret") if len(intake.asked) == 1 else None
    async with greeted(services, token) as device:
        device.say("operations", **frame(1, "k1"))
        refused = await device.hear("refused")
        assert refused["problem"]["code"] == "internal_error"
        assert "secret" not in json.dumps(refused)
        device.say("operations", **frame(1, "k1"))
        assert (await device.hear("results"))["acknowledged"] == 1


async def test_what_one_user_has_under_way_is_bounded_over_all_connections(
    services: Services, token: str, intake: Choosy
) -> None:
    services.bodies.hold("ana", 20 * 1024 * 1024 - 100)
    async with greeted(services, token) as device:
        device.say("operations", **frame(1, "k1"))
        refused = await device.hear("refused")
        assert (refused["problem"]["code"], refused["problem"]["retry_after"]) == ("overloaded", 1)
        services.bodies.release("ana", 20 * 1024 * 1024 - 100)
        device.say("operations", **frame(1, "k1"))
        await device.hear("results")
    assert services.bodies.held("ana") == 0


async def test_changes_go_as_far_as_the_credit(services: Services, token: str) -> None:
    async with greeted(services, token, changes=True, credit=1) as device:
        first = await device.hear("changes")
        assert len(first["items"]) == 1
        assert first["cursor"]
        device.say("credit", items=1)
        assert len((await device.hear("changes"))["items"]) == 1
        device.say("credit", items=10_000)
        device.say("credit", items=10_000)
        while (told := await device.hear_any())["type"] == "changes":
            pass
        assert told["problem"]["path"] == "/items"


async def test_what_a_device_has_just_created_is_no_news_to_it(
    services: Services, tokens: Tokens, token: str, readers: FakeReaders
) -> None:
    created = msgspec.structs.replace(examples.DOCUMENT, entity_id=1, version=1)
    changed = msgspec.structs.replace(examples.DOCUMENT, entity_id=2, version=2)
    readers.page = msgspec.structs.replace(examples.CHANGES, items=[created, changed])
    for municipios, told in (((), [2]), (("*",), [1, 2])):
        own = tokens.mint(Role.CAMPO, *municipios)
        async with greeted(services, own, changes=True, credit=0) as device:
            device.say("operations", seq=1, operations=[operation("a"), operation("b", entity_id=2)])
            await device.hear("results")
            device.say("credit", items=2)
            changes = await device.hear("changes")
            assert [item["entity_id"] for item in changes["items"]] == told


async def test_a_fresh_token_lets_the_connection_go_on(services: Services, tokens: Tokens, token: str) -> None:
    async with greeted(services, token) as device:
        device.say("token", token=tokens.mint(lifetime=dt.timedelta(hours=2)))
        device.say("operations", **frame(1, "k"))
        await device.hear("results")


@pytest.mark.parametrize(
    ("fresh", "code", "reason"),
    [
        ({"user": "bia"}, 4403, "token_mismatch"),
        ({"municipios": (VARZEA_GRANDE,)}, 4403, "token_mismatch"),
        ({"lifetime": dt.timedelta(seconds=-5)}, 4401, "token_expired"),
        (None, 4401, "invalid_token"),
    ],
)
async def test_a_fresh_token_must_be_good_and_of_the_same_user_and_territory(
    services: Services, tokens: Tokens, token: str, fresh: dict[str, Any] | None, code: int, reason: str
) -> None:
    async with greeted(services, token) as device:
        if fresh is None:
            device.say("token", token="forged")
        else:
            municipios = fresh.pop("municipios", ())
            device.say("token", token=tokens.mint(Role.CAMPO, *municipios, **fresh))
        await device.closed(code, reason)


async def test_a_device_that_reads_nothing_is_closed_and_holds_nothing(
    make_services: MakeServices, token: str, intake: Choosy
) -> None:
    services = make_services(reader_seconds=0.05)
    async with greeted(services, token) as device:
        device.taking.clear()
        device.say("operations", **frame(1, "k1"))
        assert await device.ended == 4413
    assert services.bodies.held("ana") == 0


async def test_time_brings_heartbeats_and_ends_the_silent(services: Services, token: str) -> None:
    async with greeted(services, token) as device:
        (open_one,) = services.keeper.open
        now = time.monotonic()
        open_one.look(now + 29)
        open_one.look(now + 31)
        assert (await device.hear("heartbeat"))["server_timestamp"].endswith("Z")
        device.say("heartbeat")
        open_one.look(now + 62)
        await device.hear("heartbeat")
        open_one.look(now + 100)
        await device.closed(4408, "device_silent")


async def test_a_connection_ends_with_its_token(
    services: Services, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("techdengue.http.keeper._LOOK_SECONDS", 0.01)
    async with services.keeper.running(), greeted(services, token) as device:
        (open_one,) = services.keeper.open
        open_one.admission = msgspec.structs.replace(open_one.admission, expires=0.0)
        await device.closed(4401, "token_expired")


async def test_owners_and_signatures_are_looked_at_again(
    make_services: MakeServices, token: str, readers: FakeReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("techdengue.http.keeper._LOOK_SECONDS", 0.01)
    services = make_services(recheck_seconds=0.01)
    async with services.keeper.running(), greeted(services, token) as device:
        readers.owner = "bia"
        await device.closed(4403, "device_taken")


async def test_a_stopping_server_closes_every_connection_and_takes_no_other(services: Services, token: str) -> None:
    async with (
        greeted(services, token) as one,
        greeted(services, token, device_id="device-2") as other,
        connected(services, token) as silent,
    ):
        await asyncio.sleep(0)
        services.keeper.stop()
        for device in (one, other, silent):
            await device.closed(1001, "server_stopping")
    async with connected(services, token) as late:
        await late.closed(1001, "server_stopping")
