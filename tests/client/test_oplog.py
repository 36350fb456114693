"""An operation log is pushed from a file: by line, in order, as often as one likes."""

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import pytest

from techdengue.client import Carrier, LogProgress, LogReport, push_log

from .conftest import Waits
from .fake_server import FakeServer, answers, cut, lose_answer

Push = Callable[..., Awaitable[LogReport]]


def line(number: int, **fields: object) -> str:
    operation = {
        "entity_type": "atividade",
        "entity_id": number,
        "operation": "create",
        "data": {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"},
        "client_timestamp": "2026-01-10T08:00:00Z",
        "idempotency_key": f"key-{number}",
    }
    return json.dumps(operation | fields) + "\n"


@pytest.fixture
def push(server: FakeServer, waits: Waits) -> Push:
    async def call(lines: Iterable[str], **options: Any) -> LogReport:
        return await push_log(lines, server.url, "importacao-1", "token", sleep=waits, **options)

    return call


async def test_a_log_is_sent_in_batches_and_in_order(push: Push, server: FakeServer) -> None:
    seen: list[LogProgress] = []
    report = await push([line(number) for number in range(1, 1201)], progress=seen.append)
    assert (report.acknowledged, report.lines, report.problem) == (1200, 1200, None)
    assert server.keys() == [f"key-{number}" for number in range(1, 1201)]
    assert [progress.line for progress in seen] == [500, 1000, 1200]


async def test_refused_lines_are_named_and_harm_no_others(push: Push, server: FakeServer) -> None:
    server.refuse = {"key-3": ("invalid_data", "tipo is unknown")}
    server.unreadable = {"key-6"}
    lines = [line(1), "\n", line(3), "not json\n", "[1]\n", line(6), line(7)]
    report = await push(lines)
    assert [(refused.line, refused.code) for refused in report.refused] == [
        (3, "invalid_data"),
        (4, "invalid_line"),
        (5, "invalid_line"),
        (6, "unacceptable"),
    ]
    assert server.keys() == ["key-1", "key-7"]


async def test_a_log_that_was_cut_is_run_again(push: Push, server: FakeServer) -> None:
    lines = [line(number) for number in range(1, 21)]
    server.faults = [None, lose_answer]
    cut = await push(lines, batch_size=5, patience=0)
    assert cut.problem is not None
    assert cut.lines == 5
    whole = await push(lines, batch_size=5)
    assert (whole.repeated, whole.acknowledged, whole.problem) == (10, 20, None)
    assert len(server.log) == 20


@pytest.mark.parametrize("carrier", [Carrier.STREAM, Carrier.WS])
async def test_a_long_log_that_is_cut_again_and_again_is_recorded_once_and_in_order(
    push: Push, server: FakeServer, carrier: Carrier
) -> None:
    server.faults = [cut(after=after, answered=after - 60) for after in (100, 250, 60, 400, 900)]
    report = await push([line(number) for number in range(1, 3001)], carrier=carrier, batch_size=50)
    assert (report.acknowledged, report.lines, report.problem) == (3000, 3000, None)
    assert report.repeated > 0
    assert server.keys() == [f"key-{number}" for number in range(1, 3001)]


@pytest.mark.parametrize("carrier", Carrier)
async def test_no_more_of_a_log_is_read_than_may_be_unanswered(
    push: Push, server: FakeServer, carrier: Carrier
) -> None:
    read = ahead = 0

    def lines() -> Iterator[str]:
        nonlocal read, ahead
        for read in range(1, 5001):
            ahead = max(ahead, read - len(server.log))
            yield line(read)

    assert (await push(lines(), carrier=carrier)).acknowledged == 5000
    assert ahead <= 1100


async def test_a_server_that_is_away_is_waited_for(push: Push, server: FakeServer, waits: Waits) -> None:
    server.faults = [answers(503, Retry_After="7"), lose_answer]
    report = await push([line(1)])
    assert (report.acknowledged, report.repeated) == (1, 1)
    assert 7 <= waits.seconds[0] <= 8


async def test_lines_without_a_key_get_the_same_one_each_time(push: Push, server: FakeServer) -> None:
    bare = json.loads(line(1))
    del bare["idempotency_key"]
    first = await push([json.dumps(bare)])
    again = await push([json.dumps(bare)])
    assert (first.repeated, again.repeated, len(server.log)) == (0, 1, 1)


def bare(number: int) -> str:
    operation = json.loads(line(number))
    del operation["idempotency_key"]
    return json.dumps(operation)


async def test_a_bad_line_that_is_taken_out_makes_no_later_line_a_second_operation(
    push: Push, server: FakeServer
) -> None:
    await push([bare(1), "not json", bare(2), bare(3)])
    again = await push([bare(1), bare(2), bare(3)])
    assert (again.repeated, len(server.log)) == (3, 3)


async def test_equal_lines_without_a_key_are_as_many_operations(push: Push, server: FakeServer) -> None:
    assert (await push([bare(1), bare(2), bare(1)])).repeated == 0
    assert (await push([bare(1), bare(1), bare(2)])).repeated == 3
    assert len(set(server.keys())) == 3


@pytest.mark.parametrize(
    ("lines", "is_no_log"),
    [
        (["{", '"operations": [', "]", "}"], True),
        (["[{}]"], True),
        (["\x1f\x8b\x08"], True),
        ([], False),
        (["nonsense", line(1)], False),
    ],
)
async def test_a_file_without_a_single_object_is_no_log(push: Push, lines: list[str], is_no_log: bool) -> None:
    assert (await push(lines)).is_no_log is is_no_log


async def test_what_was_cut_before_its_first_object_may_yet_be_a_log(push: Push, server: FakeServer) -> None:
    server.faults = [lose_answer]
    report = await push(["nonsense", line(1)], patience=0)
    assert report.problem is not None
    assert not report.is_no_log
