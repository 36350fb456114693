"""`POST /api/sync/stream` over fakes: what each line becomes, and how a stream ends."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import zstandard

from techdengue.http.budget import BodyBudget
from techdengue.http.lines import LONGEST_LINE, MOST_LINES
from techdengue.intake.errors import AnswerTooLarge, Overloaded, Unavailable
from techdengue.intake.model import Batch, SyncAnswer

from .conftest import operation
from .fakes import FakeIntake

NDJSON = {"content-type": "application/x-ndjson"}
Kinds = list[dict[str, Any]]


class Choosy(FakeIntake):
    """An intake that may refuse a batch, or keep it waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.refuse: Callable[[Batch], Exception | None] = lambda _: None
        self.going = asyncio.Event()
        self.going.set()
        self.arrived = asyncio.Event()
        self.asked: list[int] = []

    async def submit(self, batch: Batch) -> SyncAnswer:
        """Take it when it may go, unless it is refused."""
        self.asked.append(len(batch.operations))
        self.arrived.set()
        await self.going.wait()
        if (error := self.refuse(batch)) is not None:
            raise error
        return await super().submit(batch)


@pytest.fixture
def intake() -> Choosy:
    """The intake of the application under test."""
    return Choosy()


def lines(*values: Any) -> bytes:
    """Each value as a line; bytes as they are."""
    return b"".join((value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n" for value in values)


async def send(api: httpx.AsyncClient, body: bytes | AsyncIterator[bytes], **headers: str) -> Kinds:
    """The lines of the answer."""
    answer = await api.post("/api/sync/stream", content=body, headers=NDJSON | headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def kinds(told: Kinds) -> list[str]:
    """The kind of each line."""
    return [each["kind"] for each in told]


async def test_each_operation_is_answered_in_the_order_sent(api: httpx.AsyncClient) -> None:
    poison = b'{"entity_type": 1}', b"{", b"[" * 100_000, b"1e999", b'"\\ud800"', b"\xff", b"9" * 5000, b"{},{}"
    told = await send(api, lines(operation("a"), *poison, b"", b" \r", operation("b")))
    assert kinds(told) == ["success", *["error"] * len(poison), "success", "end"]
    assert [each["index"] for each in told[:-1]] == list(range(len(poison) + 2))
    assert all(each["code"] == "invalid_data" and each["message"] for each in told[1:-2])
    assert told[-1]["processed"] == len(poison) + 2


async def test_half_a_surrogate_and_a_huge_number_are_errors_of_their_operations(api: httpx.AsyncClient) -> None:
    half = json.dumps(operation("h")).replace("VISTORIA", "\\ud800").encode()
    huge = json.dumps(operation("n")).replace('"VISTORIA"', "1e400").encode()
    told = await send(api, lines(half, huge, operation("good")))
    assert kinds(told) == ["error", "error", "success", "end"]
    assert [each["path"] for each in told[:2]] == ["/data/tipo", "/data/tipo"]
    assert [each["idempotency_key"] for each in told[:2]] == ["h", "n"]


async def test_a_last_line_needs_no_newline(api: httpx.AsyncClient) -> None:
    assert kinds(await send(api, lines(operation())[:-1])) == ["success", "end"]


async def test_an_empty_stream_is_complete(api: httpx.AsyncClient) -> None:
    assert kinds(await send(api, b"\n\n")) == ["end"]


async def test_a_line_that_is_too_long_is_an_error_and_is_not_kept(api: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield lines(operation("a"))
        for _ in range(40):
            yield b"x" * (LONGEST_LINE // 10)
        yield b"\n" + lines(operation("b"))

    told = await send(api, body())
    assert kinds(told) == ["success", "error", "success", "end"]
    assert "1,048,576 bytes" in told[1]["message"]


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
async def test_a_packed_stream_is_unpacked_as_it_comes(
    api: httpx.AsyncClient, coding: str, pack: Callable[[bytes], bytes]
) -> None:
    packed = b"".join(pack(lines(operation(f"k{number}"))) for number in range(3))

    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(packed), 7):
            yield packed[start : start + 7]

    assert kinds(await send(api, body(), **{"content-encoding": coding})) == ["success"] * 3 + ["end"]


@pytest.mark.parametrize(
    ("coding", "body", "code"),
    [
        ("gzip", gzip.compress(lines(operation()))[:-9], "malformed_body"),
        ("gzip", b"no gzip at all", "malformed_body"),
        ("zstd", b"no zstd at all", "malformed_body"),
        ("gzip", gzip.compress(b"\n" * 30_000_000), "body_too_large"),
        ("zstd", zstandard.compress(b"\n" * 30_000_000), "body_too_large"),
        ("gzip", gzip.compress(b"") * 100, "body_too_large"),
    ],
)
async def test_a_body_that_cannot_be_unpacked_ends_the_stream(
    api: httpx.AsyncClient, coding: str, body: bytes, code: str
) -> None:
    told = await send(api, body, **{"content-encoding": coding})
    assert (told[-1]["kind"], told[-1]["code"]) == ("problem", code)


async def test_what_came_before_the_break_is_answered(api: httpx.AsyncClient) -> None:
    packer = zlib.compressobj(wbits=31)
    whole = packer.compress(lines(operation("a"), operation("b"))) + packer.flush(zlib.Z_SYNC_FLUSH)
    told = await send(api, whole, **{"content-encoding": "gzip"})
    assert kinds(told) == ["success", "success", "problem"]
    assert (told[-1]["code"], told[-1]["processed"]) == ("malformed_body", 2)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-type": "application/json"}, 415, "unsupported_media_type"),
        ({"content-encoding": "br"}, 415, "unsupported_encoding"),
        ({"x-device-id": ""}, 400, "device_required"),
        ({"x-device-id": "console:x"}, 400, "invalid_device_id"),
        ({"x-sent-at": "yesterday"}, 400, "invalid_parameter"),
        ({"x-batch-id": "b" * 256}, 400, "invalid_parameter"),
        ({"authorization": ""}, 401, "token_required"),
    ],
)
async def test_what_is_wrong_at_once_is_refused_before_the_answer_begins(
    api: httpx.AsyncClient, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await api.post("/api/sync/stream", content=b"\n", headers=NDJSON | headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_batch_id_and_the_devices_clock_come_in_headers(api: httpx.AsyncClient, intake: Choosy) -> None:
    await send(api, lines(operation()), **{"x-batch-id": "b-1", "x-sent-at": "1970-01-01T00:01:00Z"})
    (batch,) = intake.batches
    assert batch.batch_id == "b-1"
    assert batch.sent_at is not None
    assert 60_000_000 <= batch.sent_at < 120_000_000


async def test_a_poison_operation_stops_the_stream_and_none_before_it(api: httpx.AsyncClient, intake: Choosy) -> None:
    def poison(batch: Batch) -> Exception | None:
        keys = {getattr(each, "idempotency_key", None) for each in batch.operations}
        return ValueError("poison") if "k77" in keys else None

    intake.refuse = poison
    told = await send(api, lines(*(operation(f"k{number}") for number in range(100))))
    assert kinds(told) == ["success"] * 77 + ["problem"]
    assert (told[-1]["code"], told[-1]["status"], told[-1]["processed"]) == ("internal_error", 500, 77)
    assert "poison" not in json.dumps(told)


async def test_answers_that_are_too_large_together_are_made_apart(api: httpx.AsyncClient, intake: Choosy) -> None:
    intake.refuse = lambda batch: AnswerTooLarge(most=1) if len(batch.operations) > 3 else None
    told = await send(api, lines(*(operation(f"k{number}") for number in range(10))))
    assert [each["idempotency_key"] for each in told[:-1]] == [f"k{number}" for number in range(10)]
    assert kinds(told)[-1] == "end"


async def test_when_too_much_waits_the_stream_is_slowed_and_not_refused(api: httpx.AsyncClient, intake: Choosy) -> None:
    intake.refuse = lambda _: Overloaded(retry_after=0) if len(intake.asked) < 3 else None
    assert kinds(await send(api, lines(operation()))) == ["success", "end"]
    assert intake.asked == [1, 1, 1]


async def test_an_absent_database_ends_the_stream_and_says_when_to_come_back(
    api: httpx.AsyncClient, intake: Choosy
) -> None:
    intake.refuse = lambda _: Unavailable(retry_after=2, reason="away")
    told = await send(api, lines(operation()))
    assert kinds(told) == ["problem"]
    assert (told[0]["status"], told[0]["code"], told[0]["retry_after"]) == (503, "unavailable", 2)
    assert told[0]["processed"] == 0


async def test_no_more_is_read_than_one_piece_beyond_the_one_on_its_way(api: httpx.AsyncClient, intake: Choosy) -> None:
    intake.going.clear()
    taken = 0
    stalled = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        nonlocal taken
        for number in range(5 * MOST_LINES):
            taken = number
            yield lines(operation(f"k{number}"))
            if number == MOST_LINES:
                stalled.set()

    sending = asyncio.create_task(send(api, body()))
    await stalled.wait()
    for _ in range(1000):
        await asyncio.sleep(0)
    assert taken <= 2 * MOST_LINES + 2
    intake.going.set()
    assert kinds(await sending) == ["success"] * 5 * MOST_LINES + ["end"]
    assert max(intake.asked) <= MOST_LINES


async def test_what_is_on_disk_counts_no_more_however_long_the_stream_is_silent_then(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[BodyBudget] = []
    hold = BodyBudget.hold_when_free

    async def note(self: BodyBudget, user: str, size: int) -> None:
        await hold(self, user, size)
        assert self.held(user) >= size
        used.append(self)

    async def body() -> AsyncIterator[bytes]:
        yield lines(*(operation(f"o{number}") for number in range(100)))
        async with asyncio.timeout(30):
            while not used or used[0].held("ana"):  # noqa: ASYNC110 - a count tells nobody
                await asyncio.sleep(0)

    monkeypatch.setattr(BodyBudget, "hold_when_free", note)
    assert kinds(await send(api, body())) == ["success"] * 100 + ["end"]
