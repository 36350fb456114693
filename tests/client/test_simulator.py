"""What a simulation measures, and how little thousands of devices keep."""

import random

import pytest

from techdengue.client import Device, Surroundings
from techdengue.client.simulator.stats import Histogram, Tally
from techdengue.client.wire import Refused, SyncAnswer

from .fake_server import FakeServer

VISIT = {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"}


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_percentile_is_within_a_step_of_the_sorted_truth(share: float) -> None:
    rng = random.Random(3)  # noqa: S311  made-up durations
    durations = [rng.lognormvariate(-5, 1.5) for _ in range(5000)]
    histogram = Histogram()
    for seconds in durations:
        histogram.add(seconds)
    truth = sorted(durations)[int(share * 5000) - 1]
    measured = histogram.percentile(share)
    assert measured is not None
    assert truth <= measured * 1.0001
    assert measured <= truth * 1.0501


def test_nothing_measured_has_no_percentile() -> None:
    assert Histogram().percentile(0.5) is None


def test_refusals_are_counted_by_what_was_wrong() -> None:
    errors = [Refused(index=0, code="invalid_data", message="", path="/data/tipo")] * 2
    errors.append(Refused(index=2, code="entity_not_found", message=""))
    tally = Tally()
    tally.answered(
        SyncAnswer(processed=3, successes=[], conflicts=[], errors=errors, server_timestamp="2024-01-15T14:30:00Z"), []
    )
    assert tally.refusals == {"invalid_data at /data/tipo": 2, "entity_not_found": 1}


async def test_a_device_that_keeps_little_still_follows_what_it_holds(server: FakeServer) -> None:
    around = Surroundings(keeps=lambda _, entity_id: int(entity_id) % 2 == 0)
    async with Device(":memory:", server.url, "light", "token", durable=False, surroundings=around) as device:
        for number in range(1, 7):
            server.change(number, VISIT)
        device.create("atividade", 7, VISIT)
        assert (await device.sync()).finished
        server.change(2, {"status": "CANCELADA"})
        server.change(7, {"status": "CANCELADA"})
        server.change(1, {"status": "CANCELADA"})
        assert (await device.pull()).received == 3
        assert [(seen.entity_id, seen.data.get("status")) for seen in device.list("atividade")] == [
            (2, "CANCELADA"),
            (4, None),
            (6, None),
            (7, "CANCELADA"),
        ]
