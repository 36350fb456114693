"""The same promises over each carrier: in order, once, and through every failure."""

from collections.abc import Sequence

import pytest

from techdengue.client import Carrier, Device, Forbidden, Observer, Strategy, Unauthorized
from techdengue.client.wire import SyncAnswer

from .conftest import HandClock, MakeDevice, Waits, shown
from .fake_server import FakeServer, Fault, answers, captive_portal, lose_request

VISIT = {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"}
CARRIERS = list(Carrier)
STREAMS = [Carrier.STREAM, Carrier.WS]

pytestmark = pytest.mark.parametrize("carrier", CARRIERS)


def create_many(device: Device, count: int) -> list[str]:
    return [device.create("atividade", number, VISIT) for number in range(1, count + 1)]


async def test_what_was_made_offline_arrives_in_order(
    make_device: MakeDevice, server: FakeServer, carrier: Carrier
) -> None:
    device = make_device(carrier=carrier, batch_size=7)
    keys = create_many(device, 100)
    report = await device.push()
    assert (report.outcomes, report.left, report.finished) == ({"applied": 100}, 0, True)
    assert server.keys() == keys
    assert report.requests == 15
    assert (await device.push()).requests == 0


async def test_a_queue_longer_than_any_window_arrives_in_order(
    make_device: MakeDevice, server: FakeServer, carrier: Carrier
) -> None:
    device = make_device(carrier=carrier)
    server.streams.window = {"operations": 150, "bytes": 2_000_000}
    keys = create_many(device, 1300)
    assert (await device.push()).finished
    assert server.keys() == keys


async def test_operations_of_many_bytes_are_bounded_by_bytes(
    make_device: MakeDevice, server: FakeServer, carrier: Carrier
) -> None:
    device = make_device(carrier=carrier, batch_size=1000)
    for number in range(1, 15):
        device.create("atividade", number, VISIT | {"descricao": "x" * 400_000})
    assert (await device.push()).finished
    assert len(server.log) == 14


@pytest.mark.parametrize("fault", [lose_request, captive_portal, answers(502), answers(429)])
async def test_what_fails_at_the_beginning_is_begun_again(
    make_device: MakeDevice, server: FakeServer, waits: Waits, fault: Fault, carrier: Carrier
) -> None:
    device = make_device(carrier=carrier)
    keys = create_many(device, 30)
    server.faults = [fault, fault]
    report = await device.push(patience=60)
    assert report.finished
    assert server.keys() == keys
    assert 1 <= len(waits.seconds) <= 2, "aiohttp tries a lost GET again by itself"


async def test_the_server_says_how_long_to_wait(
    make_device: MakeDevice, server: FakeServer, clock: HandClock, carrier: Carrier
) -> None:
    device = make_device(carrier=carrier)
    create_many(device, 3)
    server.faults = [answers(429, Retry_After="100")]
    report = await device.push()
    assert report.delay is not None
    assert 100 <= report.delay.retry_in.total_seconds() <= 101
    assert (await device.push()).delay is not None
    clock.move(102)
    assert (await device.push()).finished


async def test_an_expired_token_is_asked_for_again_once(
    make_device: MakeDevice, server: FakeServer, carrier: Carrier
) -> None:
    tokens = iter(["expired", "fresh"])
    device = make_device(carrier=carrier, token=lambda: next(tokens))
    create_many(device, 3)
    server.good_token = "fresh"
    assert (await device.push()).finished
    assert server.tokens == ["expired", "fresh"]


async def test_a_token_that_stays_refused_keeps_the_queue(
    make_device: MakeDevice, server: FakeServer, carrier: Carrier
) -> None:
    device = make_device(carrier=carrier, token=lambda: "forged")
    create_many(device, 2)
    server.good_token = "fresh"
    with pytest.raises(Unauthorized):
        await device.push()
    assert device.pending_count() == 2


async def test_what_waiting_cannot_mend_is_raised_and_keeps_the_queue(
    make_device: MakeDevice, server: FakeServer, carrier: Carrier
) -> None:
    device = make_device(carrier=carrier)
    create_many(device, 2)
    server.faults = [answers(403)]
    with pytest.raises(Forbidden):
        await device.push()
    assert device.pending_count() == 2


async def test_a_refused_operation_is_kept_for_its_user_and_harms_no_other(
    make_device: MakeDevice, server: FakeServer, carrier: Carrier
) -> None:
    device = make_device(carrier=carrier, batch_size=5)
    keys = create_many(device, 20)
    server.refuse = {keys[7]: ("invalid_data", "tipo is unknown"), keys[12]: ("invalid_data", "tipo is unknown")}
    report = await device.push()
    assert (report.acknowledged, report.refused, report.left) == (18, 2, 0)
    assert [refused.operation.key for refused in device.refusals()] == [keys[7], keys[12]]
    assert device.refusals()[0].path == "/data/tipo"


async def test_parked_conflicts_and_documents_in_answers_are_stored(
    make_device: MakeDevice, server: FakeServer, carrier: Carrier
) -> None:
    device = make_device(carrier=carrier)
    server.change(1, VISIT)
    server.change(2, VISIT)
    await device.pull()
    parked = device.update("atividade", 1, {"status": "CONCLUIDA"}, strategy=Strategy.MANUAL)
    device.update("atividade", 2, {"status": "CONCLUIDA"}, strategy=Strategy.MERGE)
    server.change(1, {"status": "CANCELADA"})
    server.change(2, {"descricao": "outro"})
    report = await device.sync()
    assert report.push.outcomes == {"conflict": 1, "merged": 1}
    assert [conflict.idempotency_key for conflict in device.conflicts()] == [parked]
    assert (shown(device, 1), shown(device, 2)) == (server.document("atividade", 1), server.document("atividade", 2))


async def test_an_observer_hears_of_every_answer_and_failure(
    make_device: MakeDevice, server: FakeServer, carrier: Carrier
) -> None:
    class Ear(Observer):
        def __init__(self) -> None:
            self.waited: list[float] = []
            self.failures: list[str] = []

        def answered(self, answer: SyncAnswer, waited: Sequence[float]) -> None:
            self.waited += waited

        def failed(self, error: Exception) -> None:
            self.failures.append(str(error))

    ear = Ear()
    device = make_device(carrier=carrier, observer=ear)
    create_many(device, 12)
    server.faults = [answers(503)]
    await device.push(patience=60)
    assert len(ear.waited) == 12
    assert all(seconds >= 0 for seconds in ear.waited)
    assert len(ear.failures) == 1
