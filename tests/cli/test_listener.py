"""What a peer may make the listener keep is bounded: heads, and the ends of connections."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from techdengue.cli import protocols
from techdengue.cli.listener import Connections, configure

UPGRADE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: MDAwMDAwMDAwMDAwMDAwMA==\r\n\r\n"
)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers requests, and floods a WebSocket until it is told that this takes too long."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        async with asyncio.timeout(0.1):
            await send({"type": "websocket.send", "text": "x" * 65_536})


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    """Where the application is served."""
    loop = asyncio.get_running_loop()
    connections = Connections(configure(application), loop)
    server = await loop.create_server(connections.take, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()
    server.close()
    await connections.drain()


async def ask(address: tuple[str, int], head: bytes) -> bytes:
    """Everything that is answered until the connection is closed."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(head)
    try:
        return await asyncio.wait_for(reader.read(), 30)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("endless", [b"GET /" + b"a" * 70_000, b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000])
async def test_a_head_that_is_too_large_is_refused(address: tuple[str, int], endless: bytes) -> None:
    assert (await ask(address, endless)).startswith(b"HTTP/1.1 400 ")


async def test_a_head_that_does_not_end_is_not_waited_for(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocols, "HEAD_SECONDS", 0.05)
    assert await ask(address, b"GET / HTTP/1.1\r\nhost: x") == b""
    monkeypatch.setattr(protocols, "HEAD_SECONDS", 30)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
    monkeypatch.setattr(protocols, "HEAD_SECONDS", 0.05)
    writer.write(b"GET / HT")
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()


async def test_large_bodies_and_pipelined_requests_are_no_large_heads(address: tuple[str, int]) -> None:
    body = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n" + b"a" * 200_000
    last = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    assert (await ask(address, body + last)).count(b"HTTP/1.1 204 ") == 2


async def test_a_websocket_whose_peer_reads_no_more_is_let_go(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocols, "LEAVE_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection(*address, limit=1024)
    writer.write(UPGRADE)
    lost = asyncio.get_running_loop().create_future()
    transport: Any = writer.transport
    protocol = transport.get_protocol()
    protocol.connection_lost = lost.set_result
    async with asyncio.timeout(30):
        while not lost.done():
            transport.write(b"\x8a\x80\0\0\0\0")  # an empty pong: it finds out whether the other end is there
            await asyncio.sleep(0.02)
    assert isinstance(lost.result(), OSError)
    assert not reader.at_eof()


class Echo:
    """Accepts a WebSocket, and notes what it says."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        """Serve it until it closes."""
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.heard.append(message["text"])
            await send({"type": "websocket.send", "text": message["text"]})


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, asyncio.StreamReader, asyncio.StreamWriter]]:
    """An open WebSocket."""
    loop = asyncio.get_running_loop()
    application = Echo()
    connections = Connections(configure(application), loop)
    server = await loop.create_server(connections.take, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(UPGRADE)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    yield application, reader, writer
    writer.close()
    server.close()
    await connections.drain()


def frame(first: int, payload: bytes = b"") -> bytes:
    """A masked frame; `first` is its first byte."""
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


Open = tuple[Echo, asyncio.StreamReader, asyncio.StreamWriter]
PING, PONG, BEGIN, MORE, LAST, TEXT = 0x89, 0x8A, 0x01, 0x00, 0x80, 0x81


async def test_thousands_of_tiny_frames_leave_others_their_turn(echo: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    parse = WebSocketsSansIOProtocol.data_received

    def note(self: Any, data: bytes) -> None:
        parsed.append(len(data))
        parse(self, data)

    monkeypatch.setattr(WebSocketsSansIOProtocol, "data_received", note)
    application, reader, writer = echo
    writer.write((frame(BEGIN, b"a") + frame(MORE) * 1000 + frame(LAST, b"b") + frame(PONG) * 5000) * 8)
    writer.write(b"".join(frame(TEXT, b"%d" % number) for number in range(5000)) + frame(TEXT, b"end"))
    assert await asyncio.wait_for(reader.readuntil(b"\x81\x03end"), 60)
    assert application.heard == ["ab"] * 8 + [str(number) for number in range(5000)] + ["end"]
    assert max(parsed) <= protocols.SLICE


async def test_a_message_of_endless_parts_is_refused(echo: Open) -> None:
    _, reader, writer = echo
    writer.write(frame(BEGIN) + frame(MORE) * 20_000)
    with contextlib.suppress(ConnectionResetError):
        assert (await asyncio.wait_for(reader.read(), 30)).startswith(b"\x88\x10\x03\xf1too many parts")


async def test_pongs_that_nobody_reads_do_not_pile_up(echo: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    pings, unread = 0, 0
    done = asyncio.Event()
    answer = protocols.WebSocket.handle_ping

    def note(self: protocols.WebSocket) -> None:
        nonlocal pings, unread
        answer(self)
        pings, unread = pings + 1, max(unread, self.transport.get_write_buffer_size())
        if pings == 80_000:
            done.set()

    monkeypatch.setattr(protocols.WebSocket, "handle_ping", note)
    _, reader, writer = echo
    reader._transport.pause_reading()  # type: ignore[attr-defined]  # a peer that reads nothing
    for _ in range(80):
        writer.write(frame(PING, b"x" * 125) * 1000)
        await writer.drain()
    await asyncio.wait_for(done.wait(), 60)
    assert unread < 256 * 1024
