"""What is left of a refused request's body is read before the answer, within bounds."""

import asyncio
from typing import Any

import pytest

from techdengue.http import upload
from techdengue.http.upload import Upload

PLAIN = [(b"content-length", b"30")]


class Sender:
    """A client that sends three pieces; it fails a test that asks for more."""

    def __init__(self) -> None:
        self.pieces = [b"0123456789"] * 3

    async def __call__(self) -> Any:
        piece = self.pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}


async def test_the_rest_is_read_to_its_end() -> None:
    sender = Sender()
    body = Upload(PLAIN, sender)
    await body()
    assert await body.finish()
    assert sender.pieces == []
    assert await body.finish()


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"0")]])
async def test_a_request_without_a_body_is_not_asked_for_one(headers: list[tuple[bytes, bytes]]) -> None:
    sender = Sender()
    assert await Upload(headers, sender).finish()
    assert len(sender.pieces) == 3


async def test_a_client_that_waits_for_leave_to_send_is_not_given_it() -> None:
    sender = Sender()
    assert not await Upload([*PLAIN, (b"expect", b"100-Continue")], sender).finish()
    assert len(sender.pieces) == 3


async def test_too_much_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MOST_BYTES", 15)
    sender = Sender()
    assert not await Upload([(b"transfer-encoding", b"chunked")], sender).finish()
    assert len(sender.pieces) == 1


async def test_too_slow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MOST_SECONDS", 0.01)

    async def never() -> Any:
        await asyncio.Event().wait()

    assert not await Upload(PLAIN, never).finish()


async def test_a_client_that_has_gone_is_not_waited_for() -> None:
    async def gone() -> Any:
        return {"type": "http.disconnect"}

    assert await Upload(PLAIN, gone).finish()
