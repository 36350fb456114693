"""How answers are written to a connection: whole ones at once, the others as they come."""

import asyncio
from collections.abc import Callable
from typing import Any

from techdengue.cli.listener import Connections, configure
from techdengue.cli.protocols import Http

WHOLE = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
ENDLESS = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"body", "more_body": False}


class Written(asyncio.Transport):
    """Keeps each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []
        self.closed = False
        self.changed = asyncio.Event()

    def write(self, data: Any) -> None:
        self.parts.append(bytes(data))
        self.changed.set()

    def close(self) -> None:
        self.closed = True
        self.changed.set()

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def speak(application: Any, *requests: bytes, until: Callable[[Written], object]) -> Written:
    """What one connection's requests are answered, once that is as wanted."""
    connections = Connections(configure(application), asyncio.get_running_loop())
    protocol, written = connections.take(), Written()
    assert isinstance(protocol, Http)
    protocol.connection_made(written)
    try:
        for request in requests:
            protocol.data_received(request)
        async with asyncio.timeout(30):
            while not until(written):
                written.changed.clear()
                await written.changed.wait()
    finally:
        protocol.connection_lost(None)
        await connections.drain()
    return written


def answers(*messages: dict[str, Any]) -> Any:
    """An application that reads the request and then sends these."""

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        for message in messages:
            await send(message)

    return application


def head(method: str, more: str = "") -> bytes:
    return f"{method} / HTTP/1.1\r\nhost: x\r\n{more}\r\n".encode()


async def test_a_whole_answer_is_one_write() -> None:
    written = await speak(answers(WHOLE, BODY), head("GET"), head("GET"), until=lambda written: len(written.parts) == 2)
    assert all(part.startswith(b"HTTP/1.1 200 ") and part.endswith(b"\r\n\r\nbody") for part in written.parts)


async def test_an_answer_without_a_body_is_written_too() -> None:
    written = await speak(answers(WHOLE, BODY), head("HEAD"), until=lambda written: written.parts)
    assert written.parts[0].endswith(b"content-length: 4\r\n\r\n")


async def test_the_head_of_an_answer_of_any_length_waits_for_nothing() -> None:
    async def application(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ENDLESS)
        await receive()

    written = await speak(application, head("GET"), until=lambda written: written.parts)
    assert b"transfer-encoding: chunked" in written.parts[0]


async def test_what_looks_like_a_length_in_a_body_is_not_waited_for() -> None:
    part = {"type": "http.response.body", "body": b"\r\ncontent-length: 4", "more_body": True}
    written = await speak(
        answers(ENDLESS, part, part, BODY), head("GET"), until=lambda written: len(written.parts) == 4
    )
    assert written.parts[-1].endswith(b"0\r\n\r\n")


async def test_leave_to_send_a_body_is_given_at_once() -> None:
    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()

    asking = head("POST", "expect: 100-continue\r\ncontent-length: 4\r\n")
    written = await speak(application, asking, until=lambda written: written.parts)
    assert written.parts == [b"HTTP/1.1 100 Continue\r\n\r\n"]


async def test_an_answer_that_breaks_off_after_its_head_ends_the_connection() -> None:
    written = await speak(answers(WHOLE), head("GET"), until=lambda written: written.closed)
    assert len(written.parts) == 1
    assert written.parts[0].endswith(b"content-length: 4\r\n\r\n")
