"""How a WebSocket begins where something is in the way."""

import json
import time
from typing import Any

import asyncpg
import pytest

from techdengue.domain.access import Caller, Role
from techdengue.feed import Feed
from techdengue.http.auth import TokenVerifier
from techdengue.http.ports import Admission
from techdengue.http.services import Services
from techdengue.http.socket.connection import converse

from .conftest import Tokens, settings_for
from .fakes import FakeIntake, FakeJobs, FakeReaders, FakeReports, FakeTrail

CALLER = Caller(user="ana", role=Role.CAMPO, municipios=frozenset({"5103403"}))
HELLO = {"type": "websocket.receive", "text": json.dumps({"type": "hello", "device_id": "device-1", "credit": 0})}


@pytest.mark.parametrize("away", [asyncpg.CannotConnectNowError("starting"), ConnectionResetError()])
async def test_a_hello_while_the_database_is_away_is_told_to_come_back(
    tokens: Tokens, intake: FakeIntake, readers: FakeReaders, feed: Feed, away: Exception
) -> None:
    settings = settings_for(tokens)
    services = Services(
        intake=intake,
        readers=readers,
        feed=feed,
        jobs=FakeJobs(),
        reports=FakeReports(),
        verifier=TokenVerifier(settings),
        audit=FakeTrail(),
        settings=settings,
    )
    readers.error = away
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return HELLO

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    admission = Admission(caller=CALLER, expires=time.time() + 60)
    assert await converse(services, admission, "token", receive, send, "urn:techdengue:request:1") == 1013
    told, closed = sent
    problem = json.loads(told["text"])["problem"]
    assert (problem["code"], problem["status"]) == ("unavailable", 503)
    assert problem["retry_after"] > 0
    assert (closed["type"], closed["code"], closed["reason"]) == ("websocket.close", 1013, "unavailable")
