"""`/metrics` says how far the projections are behind, and never what it does not know."""

from collections.abc import Sequence

import asyncpg
import httpx
import pytest

from projections.model import ProjectionStatus
from techdengue import telemetry
from techdengue.dev.database import Database
from techdengue.domain.access import Role
from techdengue.http.projection_lag import KEPT_SECONDS, ProjectionLag

from .conftest import Tokens, operation


def _behind(events: int, seconds: float) -> list[ProjectionStatus]:
    return [ProjectionStatus(name="atividade", position=5, tail=5 + events, lag_events=events, lag_seconds=seconds)]


def _shown() -> dict[str, float]:
    """The gauges of lag: by name of the gauge, of `atividade`."""
    return {
        sample.name: sample.value
        for gauge in (telemetry.PROJECTION_LAG_EVENTS, telemetry.PROJECTION_LAG_SECONDS)
        for family in gauge.collect()
        for sample in family.samples
        if sample.labels["projection"] == "atividade"
    }


async def test_the_lag_of_the_real_projections_is_told(
    server: httpx.AsyncClient, tokens: Tokens, database: Database
) -> None:
    await server.post(
        "/api/sync",
        json={"operations": [operation("lag-1", entity_id="lag-1")], "device_id": "lag-device"},
        headers=tokens.bearer(Role.CAMPO),
    )
    text = (await server.get("/metrics")).text
    connection = await asyncpg.connect(database.owner_url)
    try:
        tail = await connection.fetchval("SELECT position FROM eventstore.lane WHERE lane = 0")
    finally:
        await connection.close()
    told = {line.partition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[:1] != "#"}
    assert 0 < told['projection_lag_events{projection="atividade"}'] <= tail
    assert told['projection_lag_seconds{projection="atividade"}'] > 0
    assert told['projection_lag_events{projection="conflict"}'] == 0


async def test_the_database_is_asked_only_now_and_then() -> None:
    now, asked = [0.0], []

    async def read() -> Sequence[ProjectionStatus]:
        asked.append(now[0])
        return _behind(len(asked), 1.5)

    lag = ProjectionLag(read, clock=lambda: now[0])
    for moment in (0.0, KEPT_SECONDS / 2, KEPT_SECONDS, KEPT_SECONDS * 1.9):
        now[0] = moment
        await lag.refresh()
    assert asked == [0.0, KEPT_SECONDS]
    assert _shown() == {"projection_lag_events": 2, "projection_lag_seconds": 1.5}


@pytest.mark.parametrize("failure", [OSError, TimeoutError, asyncpg.InterfaceError, KeyError])
async def test_a_lag_that_cannot_be_read_is_absent_and_not_the_last_one_known(failure: type[Exception]) -> None:
    now, working = [0.0], [True]

    async def read() -> Sequence[ProjectionStatus]:
        if not working[0]:
            raise failure
        return _behind(3, 7.0)

    lag = ProjectionLag(read, clock=lambda: now[0])
    await lag.refresh()
    assert _shown() == {"projection_lag_events": 3, "projection_lag_seconds": 7.0}
    now[0], working[0] = KEPT_SECONDS, False
    await lag.refresh()
    assert _shown() == {}
