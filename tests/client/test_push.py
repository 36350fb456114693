"""What a device does with every answer, and with none."""

import pytest

from techdengue.client import Device, Forbidden, Strategy, Unauthorized, UnexpectedAnswer, UnknownOperation

from .conftest import HandClock, MakeDevice, Waits, shown
from .fake_server import FakeServer, Fault, answers, captive_portal, lose_answer, lose_request

VISIT = {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"}


def create_many(device: Device, count: int) -> list[str]:
    return [device.create("atividade", number, VISIT) for number in range(1, count + 1)]


async def test_what_was_made_offline_arrives_in_order(device: Device, server: FakeServer, clock: HandClock) -> None:
    keys = create_many(device, 5)
    clock.move(86_400)
    report = await device.push()
    assert (report.outcomes, report.left, report.finished) == ({"applied": 5}, 0, True)
    assert server.keys() == keys
    assert server.requests[0]["sent_at"] == "2026-01-11T08:00:00.000000Z"
    assert server.log[0]["client_timestamp"] == "2026-01-10T08:00:00.000000Z"


@pytest.mark.parametrize("fault", [lose_answer, lose_request, captive_portal, answers(502), answers(500), answers(302)])
async def test_a_lost_request_or_answer_is_sent_again_with_the_same_keys(
    device: Device, server: FakeServer, waits: Waits, fault: Fault
) -> None:
    keys = create_many(device, 3)
    server.faults = [fault, fault]
    report = await device.push(patience=60)
    assert report.finished
    assert report.repeated == (3 if fault is lose_answer else 0)
    assert server.keys() == keys
    assert len(waits.seconds) == 2
    assert 0 <= waits.seconds[0] <= 1
    assert 0 <= waits.seconds[1] <= 2


async def test_without_patience_a_failure_is_reported_and_the_next_attempt_waits_its_turn(
    device: Device, server: FakeServer, clock: HandClock
) -> None:
    create_many(device, 1)
    server.faults = [answers(503, Retry_After="30")]
    report = await device.push()
    assert report.delay is not None
    assert 30 <= report.delay.retry_in.total_seconds() <= 31
    assert not (await device.push()).finished
    assert len(server.tokens) == 1, "nothing was sent before its time"
    clock.move(32)
    assert (await device.push()).finished


async def test_the_state_of_retries_survives_a_restart(
    make_device: MakeDevice, server: FakeServer, clock: HandClock
) -> None:
    device = make_device()
    create_many(device, 1)
    server.faults = [answers(429, Retry_After="100")]
    await device.push()
    await device.close()
    again = make_device()
    assert not (await again.push()).finished
    clock.move(102)
    assert (await again.push()).finished


async def test_a_clock_set_back_does_not_hold_the_queue_for_days(
    device: Device, server: FakeServer, clock: HandClock
) -> None:
    create_many(device, 1)
    server.faults = [answers(429, Retry_After="100")]
    await device.push()
    clock.move(-3 * 86_400)
    assert (await device.push()).finished


async def test_a_date_in_retry_after_is_read_by_the_servers_clock(device: Device, server: FakeServer) -> None:
    create_many(device, 1)
    server.faults = [answers(503, Retry_After="Thu, 01 Jan 2015 00:02:00 GMT", Date="Thu, 01 Jan 2015 00:00:00 GMT")]
    report = await device.push()
    assert report.delay is not None
    assert 120 <= report.delay.retry_in.total_seconds() <= 121


async def test_an_expired_token_is_asked_for_again_once(make_device: MakeDevice, server: FakeServer) -> None:
    tokens = iter(["expired", "fresh"])

    async def ask() -> str:
        return next(tokens)

    device = make_device(token=ask)
    create_many(device, 1)
    server.good_token = "fresh"
    assert (await device.push()).finished
    assert server.tokens == ["expired", "fresh"]


async def test_a_token_that_stays_refused_keeps_the_queue(make_device: MakeDevice, server: FakeServer) -> None:
    device = make_device(token=lambda: "forged")
    create_many(device, 2)
    server.good_token = "fresh"
    with pytest.raises(Unauthorized):
        await device.push()
    assert server.tokens == ["forged", "forged"]
    assert len(device.pending()) == 2


@pytest.mark.parametrize(("status", "error"), [(403, Forbidden), (404, UnexpectedAnswer)])
async def test_what_waiting_cannot_mend_is_raised_and_keeps_the_queue(
    device: Device, server: FakeServer, status: int, error: type[Exception]
) -> None:
    create_many(device, 2)
    server.faults = [answers(status)]
    with pytest.raises(error):
        await device.push()
    assert len(device.pending()) == 2


async def test_a_batch_that_is_too_large_is_split(make_device: MakeDevice, server: FakeServer) -> None:
    device = make_device(batch_size=64)
    keys = create_many(device, 50)
    server.max_operations = 7
    assert (await device.push()).finished
    assert server.keys() == keys


async def test_one_operation_that_the_server_cannot_read_never_stops_the_others(
    device: Device, server: FakeServer
) -> None:
    keys = create_many(device, 9)
    server.unreadable = {keys[4]}
    report = await device.push()
    assert (report.acknowledged, report.refused, report.left) == (8, 1, 0)
    assert server.keys() == keys[:4] + keys[5:]
    assert [(refused.operation.key, refused.code) for refused in device.refusals()] == [(keys[4], "unacceptable")]


async def test_a_refused_operation_stays_until_its_user_decides(
    device: Device, server: FakeServer, make_device: MakeDevice
) -> None:
    bad, good, worse = create_many(device, 3)
    server.refuse = dict.fromkeys((bad, worse), ("invalid_data", "tipo is unknown"))
    await device.push()
    assert server.keys() == [good]
    assert [refused.path for refused in make_device().refusals()] == ["/data/tipo", "/data/tipo"]
    assert device.get("atividade", 1) is None, "what the server does not have is not shown as if it had"
    edited = device.edit(bad, VISIT | {"tipo": "LIRAA"})
    device.discard(worse)
    with pytest.raises(UnknownOperation):
        device.discard(bad)
    await device.push()
    assert (server.keys(), list(device.refusals())) == ([good, edited], [])


async def test_a_refused_operation_can_be_sent_again_as_it_was(device: Device, server: FakeServer) -> None:
    key = device.update("atividade", 7, {"status": "CONCLUIDA"})
    await device.push()
    assert [refused.code for refused in device.refusals()] == ["entity_not_found"]
    server.change(7, VISIT)
    device.retry(key)
    assert (await device.push()).outcomes == {"applied": 1}


async def test_large_bodies_travel_packed_and_small_ones_as_they_are(device: Device, server: FakeServer) -> None:
    create_many(device, 1)
    await device.push()
    create_many(device, 20)
    await device.push()
    assert server.encodings == [None, "gzip"]


async def test_a_parked_conflict_is_shown_and_the_servers_document_with_it(device: Device, server: FakeServer) -> None:
    server.change(1, VISIT)
    await device.pull()
    key = device.update("atividade", 1, {"status": "CONCLUIDA"}, strategy=Strategy.MANUAL)
    server.change(1, {"status": "CANCELADA"})
    report = await device.sync()
    assert report.push.outcomes == {"conflict": 1}
    [conflict] = device.conflicts()
    assert (conflict.idempotency_key, conflict.base_version) == (key, 1)
    assert shown(device, 1)["status"] == "CANCELADA"
    device.dismiss(conflict.conflict_id)
    assert list(device.conflicts()) == []


@pytest.mark.parametrize("strategy", [Strategy.MERGE, Strategy.SERVER_WINS])
async def test_the_document_in_an_answer_is_seen_before_any_pull(
    device: Device, server: FakeServer, strategy: Strategy
) -> None:
    server.change(1, VISIT)
    await device.pull()
    server.change(1, {"descricao": "outro"})
    device.update("atividade", 1, {"status": "CONCLUIDA"}, strategy=strategy)
    await device.push()
    seen = device.get("atividade", 1)
    assert seen is not None
    assert seen.data == server.document("atividade", 1)
    assert seen.version == server.documents["atividade", "1"]["version"]


async def test_a_version_whose_document_was_not_seen_is_never_claimed(device: Device, server: FakeServer) -> None:
    server.change(1, VISIT)
    await device.pull()
    server.change(1, {"descricao": "outro"})
    device.update("atividade", 1, {"status": "CONCLUIDA"})
    assert (await device.push()).outcomes == {"client_applied": 1}
    device.update("atividade", 1, {"status": "CANCELADA"})
    assert device.pending()[0].sent.base_version == 1
    await device.sync()
    assert shown(device, 1) == server.document("atividade", 1)


async def test_a_late_repeated_answer_does_not_undo_what_was_pulled_since(device: Device, server: FakeServer) -> None:
    device.create("atividade", 1, VISIT | {"status": "CRIADA"})
    server.faults = [lose_answer]
    await device.push()
    server.change(1, {"status": "CANCELADA"})
    await device.pull(patience=10)
    report = await device.push(patience=10)
    assert report.repeated == 1
    assert shown(device, 1)["status"] == "CANCELADA"
