"""`techdengue push test`, really run, against a database and the stand-in for FCM."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from projections.model import DeviceRegistration, PushTarget
from projections.queries import register_device
from techdengue.dev.database import Database
from tests.push.faults import Fault
from tests.push.fcm import StandIn

from .running import Finished, run

Try = Callable[..., Awaitable[Finished]]


@pytest.fixture
async def fcm() -> AsyncIterator[StandIn]:
    """The stand-in, running."""
    async with StandIn().running() as stand_in:
        yield stand_in


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The database's superuser; the tests of this process share the database."""
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
def try_device(database: Database, owner: asyncpg.Connection, fcm: StandIn, tmp_path: Path) -> Try:
    """Registers a device with this target and runs the command for it."""

    async def run_for(device: str, value: str | None, *more: str, sql: str = "", **variables: str) -> Finished:
        if value is not None:
            registration = DeviceRegistration(push=PushTarget(kind="token", value=value))
            await register_device(owner, device, "ana", registration)
        if sql:
            await owner.execute(sql)
        env = {
            "TECHDENGUE_DATABASE_URL": database.server_url,
            "TECHDENGUE_PUSH_SERVICE_ACCOUNT_FILE": str(fcm.write_service_account(tmp_path / "account.json")),
            "TECHDENGUE_PUSH_ENDPOINT": fcm.url,
            **variables,
        }
        return await run("push", "test", "--device", device, *more, env=env, directory=tmp_path)

    return run_for


async def test_a_device_that_is_reached_is_said_to_be_and_gets_nothing(try_device: Try, fcm: StandIn) -> None:
    done = await try_device("push-ok", "push-ok")
    assert (done.code, done.out) == (0, "FCM would deliver to push-ok\n")
    assert (len(fcm.validated), len(fcm.taken)) == (1, 0)


@pytest.mark.parametrize(
    ("fault", "code", "sentence", "do"),
    [
        (Fault.UNREGISTERED, 1, "does not know", "PUT /api/devices"),
        (Fault.INVALID_TOKEN, 1, "no target of FCM", "PUT /api/devices"),
        (Fault.SENDER_ID_MISMATCH, 4, "another Firebase project", "service account"),
        (Fault.UNAUTHENTICATED, 4, "does not take our credential", "APNs key"),
        (Fault.QUOTA_EXCEEDED, 4, "quota", "Try again"),
        (Fault.BAD_GATEWAY, 3, "cannot be reached", "TECHDENGUE_PUSH_ENDPOINT"),
        (Fault.INVALID_DATA, 1, "message.data[0].value", "report it"),
    ],
)
async def test_each_refusal_is_told_with_what_to_do(
    try_device: Try, fault: Fault, code: int, sentence: str, do: str
) -> None:
    done = await try_device(f"push-{fault}", f"x!{fault}")
    assert done.code == code
    said, next_step = done.err.strip().split("\n", 1)
    assert sentence in said
    assert do in next_step
    assert "x!" not in done.err, "a target is never shown"


async def test_json_tells_the_outcome(try_device: Try) -> None:
    done = await try_device("push-json", f"y!{Fault.UNREGISTERED}", "--json")
    assert done.code == 1
    assert json.loads(done.out) == {
        "device_id": "push-json",
        "outcome": "unregistered",
        "status": 404,
        "code": "UNREGISTERED",
    }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("push_off_at = '2026-03-01T10:00Z', push_off_reason = 'unregistered'", "off since 2026-03-01 10:00 UTC"),
        ("push_token = NULL, push_off_at = now(), push_off_reason = 'moved'", "another device registered"),
        ("push_token = NULL, push_off_at = now(), push_off_reason = 'unseen'", "not seen for 270 days"),
        ("push_token = NULL, push_kind = NULL", "has no push target\n"),
        ("refreshed_at = '2020-01-01T00:00Z'", "last seen on 2020-01-01"),
    ],
)
async def test_a_device_without_an_active_target_is_told_why(
    try_device: Try, fcm: StandIn, change: str, sentence: str
) -> None:
    sql = f"UPDATE techdengue.device SET {change} WHERE device_id = 'push-off'"  # noqa: S608 - of this test
    done = await try_device("push-off", "push-off", sql=sql)
    assert done.code == 1
    assert sentence in done.err
    assert fcm.requests == 0


async def test_an_unknown_device_and_missing_or_broken_credentials_are_told(try_device: Try, tmp_path: Path) -> None:
    unknown = await try_device("push-nobody", None)
    assert (unknown.code, "no device push-nobody is registered" in unknown.err) == (1, True)
    unset = await try_device("push-nobody", None, TECHDENGUE_PUSH_SERVICE_ACCOUNT_FILE="")
    assert (unset.code, "TECHDENGUE_PUSH_SERVICE_ACCOUNT_FILE is not set" in unset.err) == (2, True)
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    refused = await try_device("push-nobody", None, TECHDENGUE_PUSH_SERVICE_ACCOUNT_FILE=str(broken))
    assert (refused.code, "is no service-account key" in refused.err) == (2, True)
