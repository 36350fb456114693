"""A long operation log through `POST /api/sync/stream`: operations a second, and the server's memory meanwhile."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import msgspec

from . import workload
from .measure import Named, Options, Row, Target, tell
from .memory import resident_mib
from .stage import Server, Stage

_LINES = 50_000
_ROUNDS = 3
_PIECE = 64 * 1024
_FLAT = 1.05


class _Line(msgspec.Struct):
    kind: str
    processed: int = 0


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    del options  # it is the same in every run
    rates: list[float] = []
    database = await stage.database()
    async with stage.serving(database) as server:
        await _stream(server, "warm", _LINES // 5)
        early = late = resident_mib(server.pid)
        for number in range(_ROUNDS):
            rates.append(await _stream(server, f"round-{number}", _LINES))
            late = resident_mib(server.pid)
            tell(f"long-log: {_LINES:,} operations, {rates[-1]:,.0f} a second; the server has {late:.0f} MiB")
    await stage.drop(database)
    name = "long-log"
    return [
        Row(measure=name, contestant=f"a stream of {_LINES:,} operations", unit="operations/s", values=tuple(rates)),
        Row(
            measure=name,
            contestant="the server's memory after all, against after the first 10,000",
            unit="MiB",
            values=(late,),
            references=(early,),
            target=Target(limit=_FLAT, at_most=True),
        ),
    ]


async def _stream(server: Server, name: str, lines: int) -> float:
    """Send a log and read its answers; operations a second."""
    pieces = list(_pieces(name, lines))
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 20)
    writer.write(
        f"POST /api/sync/stream HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {server.token(workload.MUNICIPIO)}\r\n"
        f"X-Device-ID: log-{name}\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    started = time.perf_counter()
    async with asyncio.timeout(300), asyncio.TaskGroup() as group:
        group.create_task(_write(writer, pieces))
        answers = group.create_task(_read(reader))
    seconds = time.perf_counter() - started
    writer.close()
    succeeded, last = answers.result()
    if succeeded != lines or last.kind != "end" or last.processed != lines:
        raise RuntimeError(f"{succeeded} of {lines} operations succeeded, and the last line was {last}")
    return lines / seconds


def _pieces(name: str, lines: int) -> Iterator[bytes]:
    """Chunks of a body of so many creates."""
    chunk = bytearray()
    for batch in range(lines // workload.SIZE):
        for slot, operation in enumerate(workload.operations("log", 0)):
            entity = workload.entity_id(f"log-{name}", batch, slot)
            told = {**operation, "entity_id": entity, "idempotency_key": f"{name}-{batch}-{slot}"}
            chunk += msgspec.json.encode(told) + b"\n"
        if len(chunk) >= _PIECE:
            yield b"%x\r\n" % len(chunk) + bytes(chunk) + b"\r\n"
            chunk.clear()
    if chunk:
        yield b"%x\r\n" % len(chunk) + bytes(chunk) + b"\r\n"
    yield b"0\r\n\r\n"


async def _write(writer: asyncio.StreamWriter, pieces: Sequence[bytes]) -> None:
    for piece in pieces:
        writer.write(piece)
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> tuple[int, _Line]:
    """How many succeeded, and the last line."""
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the server answered {head[:300]!r}")
    succeeded, rest = 0, b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        data = rest + (await reader.readexactly(size + 2))[:-2]
        whole, _, rest = data.rpartition(b"\n")
        succeeded += whole.count(b'"kind":"success"')
        last = whole[whole.rfind(b"\n") + 1 :] or b"{}"
    await reader.readexactly(2)
    return succeeded, msgspec.json.decode(last, type=_Line)


LONG_LOG = Named("long-log", lambda _options: 10 + _ROUNDS * 12, _measure)
