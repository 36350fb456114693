"""What a peer may make the listener keep is bounded: heads, and the ends of connections."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from techdengue.cli import protocols
from techdengue.cli.listener import Connections, configure


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
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
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
    writer.write(
        b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: MDAwMDAwMDAwMDAwMDAwMA==\r\n\r\n"
    )
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
