"""What only streams can do wrong: to be cut in the middle, to refuse a frame, to outlive a token."""

import itertools

import pytest

from techdengue.client import Carrier, Device, Forbidden, Unauthorized

from .conftest import MakeDevice, Waits
from .fake_server import FakeServer, cut

VISIT = {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"}
STREAMS = [Carrier.STREAM, Carrier.WS]
OVERLOADED = {"status": 503, "code": "overloaded", "title": "overloaded", "retry_after": 7}


def create_many(device: Device, count: int) -> list[str]:
    return [device.create("atividade", number, VISIT) for number in range(1, count + 1)]


@pytest.mark.parametrize("carrier", STREAMS)
@pytest.mark.parametrize(("after", "answered"), [(1, 0), (20, 20), (40, 10), (60, 55)])
async def test_a_stream_that_is_cut_goes_on_where_the_answers_ended(
    make_device: MakeDevice, server: FakeServer, carrier: Carrier, after: int, answered: int
) -> None:
    device = make_device(carrier=carrier, batch_size=5)
    keys = create_many(device, 60)
    server.faults = [cut(after=after, answered=answered)] * 3
    report = await device.push(patience=60)
    assert report.finished
    assert server.keys() == keys
    assert report.acknowledged == 60


@pytest.mark.parametrize("carrier", STREAMS)
async def test_answers_before_a_cut_are_stored(make_device: MakeDevice, server: FakeServer, carrier: Carrier) -> None:
    device = make_device(carrier=carrier, batch_size=5)
    keys = create_many(device, 60)
    server.faults = [cut(after=40, answered=25)]
    report = await device.push()
    assert not report.finished
    assert [operation.key for operation in device.pending()] == keys[25:]


async def test_a_frame_that_cannot_be_read_is_halved_down_to_the_operation_at_fault(
    make_device: MakeDevice, server: FakeServer
) -> None:
    device = make_device(carrier=Carrier.WS)
    keys = create_many(device, 9)
    server.unreadable = {keys[4]}
    report = await device.push(patience=60)
    assert (report.acknowledged, report.refused, report.left) == (8, 1, 0)
    assert server.keys() == keys[:4] + keys[5:]


async def test_a_stream_travels_packed_where_it_is_long(make_device: MakeDevice, server: FakeServer) -> None:
    device = make_device(carrier=Carrier.STREAM)
    create_many(device, 1)
    await device.push()
    create_many(device, 50)
    await device.push()
    assert server.streams.packed == [False, True]


async def test_a_stream_that_ends_with_a_problem_is_begun_again_when_the_server_says(
    make_device: MakeDevice, server: FakeServer, waits: Waits
) -> None:
    device = make_device(carrier=Carrier.STREAM)
    keys = create_many(device, 10)
    server.streams.problems = [OVERLOADED]
    assert (await device.push(patience=60)).finished
    assert 7 <= waits.seconds[0] <= 8
    assert server.keys() == keys


async def test_a_stream_that_outlives_its_token_goes_on_with_a_fresh_one_at_once(
    make_device: MakeDevice, server: FakeServer, waits: Waits
) -> None:
    numbers = itertools.count(1)
    device = make_device(carrier=Carrier.STREAM, token=lambda: f"token-{next(numbers)}")
    create_many(device, 10)
    server.streams.problems = [{"status": 401, "code": "token_expired", "title": "expired"}]
    assert (await device.push()).finished
    assert server.tokens == ["token-1", "token-2"]
    assert waits.seconds == []


async def test_a_token_that_always_expires_is_not_tried_without_a_wait(
    make_device: MakeDevice, server: FakeServer
) -> None:
    device = make_device(carrier=Carrier.STREAM, token=lambda: "token")
    create_many(device, 10)
    server.streams.problems = [{"status": 401, "code": "token_expired", "title": "expired"}] * 9
    report = await device.push()
    assert not report.finished
    assert len(server.tokens) == 2


async def test_after_a_refused_frame_the_device_starts_over_with_it(
    make_device: MakeDevice, server: FakeServer, waits: Waits
) -> None:
    device = make_device(carrier=Carrier.WS, batch_size=5)
    keys = create_many(device, 40)
    server.streams.frames = [None, None, OVERLOADED, OVERLOADED]
    report = await device.push(patience=60)
    assert report.finished
    assert server.keys() == keys
    assert server.streams.connections == 1
    assert [7 <= seconds <= 9 for seconds in waits.seconds] == [True, True]
    frames = [said["seq"] for said in server.streams.heard if said["type"] == "operations"]
    assert frames[:8] == list(range(1, 9))
    assert frames.count(3) == 3
    assert max(frames) == 8


async def test_without_patience_a_refused_frame_ends_the_push(make_device: MakeDevice, server: FakeServer) -> None:
    device = make_device(carrier=Carrier.WS, batch_size=5)
    keys = create_many(device, 40)
    server.streams.frames = [None, OVERLOADED]
    report = await device.push()
    assert report.delay is not None
    assert 7 <= report.delay.retry_in.total_seconds() <= 8
    assert server.keys() == keys[:5]
    assert report.left == 35


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [(4403, "device_taken", Forbidden), (4401, "invalid_token", Unauthorized)],
)
async def test_a_closed_socket_says_why(
    make_device: MakeDevice, server: FakeServer, code: int, reason: str, error: type[Forbidden | Unauthorized]
) -> None:
    device = make_device(carrier=Carrier.WS)
    create_many(device, 3)
    server.streams.closes = [(code, reason)]
    with pytest.raises(error, match=reason):
        await device.push()
    assert device.pending_count() == 3


@pytest.mark.parametrize("code", [1001, 1011, 4408, 4413, 4429])
async def test_a_server_that_goes_away_is_found_again(make_device: MakeDevice, server: FakeServer, code: int) -> None:
    device = make_device(carrier=Carrier.WS)
    keys = create_many(device, 3)
    server.streams.closes = [(code, "server_stopping")]
    report = await device.push(patience=60)
    assert report.finished
    assert server.keys() == keys


async def test_a_socket_whose_token_expired_is_opened_with_a_fresh_one_at_once(
    make_device: MakeDevice, server: FakeServer, waits: Waits
) -> None:
    numbers = itertools.count(1)
    device = make_device(carrier=Carrier.WS, token=lambda: f"token-{next(numbers)}")
    create_many(device, 3)
    server.streams.closes = [(4401, "token_expired")]
    assert (await device.push()).finished
    assert server.tokens == ["token-1", "token-2"]
    assert waits.seconds == []
