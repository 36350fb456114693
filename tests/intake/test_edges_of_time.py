"""Times at the edges of the calendar: taken, stored, and still readable by everybody afterwards."""

import datetime as dt

import asyncpg
import pytest

from eventstore import PostgresEventStore
from projections.replay import fold
from techdengue.domain.operation import Outcome
from techdengue.domain.times import to_micros

from .conftest import CUIABA, Speaker, created, sent

FIRST = "0001-01-01T00:00:00Z"
LAST = "9999-12-31T23:59:59.999999Z"


@pytest.mark.parametrize(
    ("client_timestamp", "sent_at"),
    [
        (FIRST, None),
        (FIRST, to_micros(dt.datetime.max.replace(tzinfo=dt.UTC))),
        (LAST, None),
        (LAST, to_micros(dt.datetime.min.replace(tzinfo=dt.UTC))),
    ],
)
async def test_an_operation_from_the_edge_of_the_calendar_can_be_replayed_repeated_and_followed(
    device: Speaker, pool: asyncpg.Pool, client_timestamp: str, sent_at: int | None
) -> None:
    create = created(1, "k1")
    edge = sent("update", 1, "k2", {"status": "CONCLUIDA"}, client_timestamp=client_timestamp)
    after = sent("update", 1, "k3", {"descricao": "depois"}, client_timestamp=client_timestamp, base_version=1)
    await device.send(create)
    for operations in ((edge,), (edge, after)):
        answer = await device.send(*operations, device="device-b", sent_at=sent_at)
        assert len(answer.successes) == len(operations), answer.errors
    async with pool.acquire() as connection:
        events = await PostgresEventStore(connection).read_stream(CUIABA, "atividade/1")
    _, steps = fold(events)
    assert steps[0].event.outcome == Outcome.APPLIED.value
    assert all(event.occurred_at.tzinfo is not None for event in events)


async def test_the_log_holds_no_time_that_nobody_can_calculate_with(device: Speaker, pool: asyncpg.Pool) -> None:
    await device.send(created(1, "k1"))
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE eventstore.writer SET clock = '-infinity'")
