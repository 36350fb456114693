"""A device dies in the middle of a push to the real server, again and again: each operation is recorded once."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from techdengue.client import Carrier, Device
from techdengue.dev.database import Database

from .real_server import RealServer, running_server

OPERATIONS = 900
KILLS = 3
ANSWERS = {Carrier.HTTP: 5, Carrier.STREAM: 1, Carrier.WS: 5}
"""How many are stored before the process dies; a stream's answers come many at a time."""
_PUSH = """
import asyncio, os, signal, sys
from techdengue.client import Carrier, Device, Observer, Surroundings

class Mortal(Observer):
    left = int(sys.argv.pop())

    def answered(self, answer, waited):
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)

async def main(path, url, name, token, carrier):
    around = Surroundings(observer=Mortal())
    async with Device(path, url, name, token, carrier=Carrier(carrier), batch_size=20, surroundings=around) as device:
        await device.push(patience=30)

asyncio.run(main(*sys.argv[1:]))
"""


async def push_and_die(path: Path, server: RealServer, name: str, carrier: Carrier) -> int:
    """A push in a process of its own, which dies by kill -9 while more is under way; answers its exit code."""
    arguments = (str(path), server.url, name, server.token(name, ("5103403",)), carrier.value, str(ANSWERS[carrier]))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _PUSH, *arguments)
    async with asyncio.timeout(60):
        return await process.wait()


@pytest.mark.parametrize("carrier", Carrier)
async def test_what_survives_kill_minus_nine_is_in_the_log_once_and_in_order(
    database: Database, tmp_path: Path, carrier: Carrier
) -> None:
    path, name = tmp_path / "device.sqlite", f"morto-{carrier.value}"
    async with running_server(database.server_url, tmp_path) as server:
        token = server.token(name, ("5103403",))
        async with Device(path, server.url, name, token, carrier=carrier, durable=False) as device:
            keys = [
                device.create("atividade", f"{name}-{number}", {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"})
                for number in range(OPERATIONS)
            ]
        ends = [await push_and_die(path, server, name, carrier) for _ in range(KILLS)]
        async with Device(path, server.url, name, token, carrier=carrier) as device:
            left = device.pending_count()
            assert left < OPERATIONS
            assert (await device.push(patience=30)).finished
        events = await server.read_all("/api/events", device=name, limit="500")
    assert ends[0] == -signal.SIGKILL
    assert [event["idempotency_key"] for event in events] == keys
