"""A device's process is killed in the middle of a push: nothing is lost, nothing is doubled."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from techdengue.client import Carrier, Device

from .conftest import MakeDevice
from .fake_server import FakeServer, cut, hold_answer

_PUSH = """
import asyncio, sys
from techdengue.client import Carrier, Device

async def main():
    carrier = Carrier(sys.argv[3])
    async with Device(sys.argv[1], sys.argv[2], "android-1", "token", carrier=carrier, batch_size=5) as device:
        await device.push()

asyncio.run(main())
"""


async def kill_in_mid_push(path: Path, server: FakeServer, carrier: Carrier = Carrier.HTTP) -> None:
    """Start a push of its own process and kill -9 it while it waits for an answer to what the server has taken."""
    server.reached.clear()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _PUSH, str(path), server.url, carrier.value)
    async with asyncio.timeout(60):
        await server.reached.wait()
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL


async def test_kill_minus_nine_in_mid_push_loses_and_doubles_nothing(
    make_device: MakeDevice, server: FakeServer, tmp_path: Path
) -> None:
    device = make_device()
    keys = [
        device.create("atividade", number, {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"})
        for number in range(1, 31)
    ]
    await device.close()
    server.faults = [None, None, hold_answer]
    await kill_in_mid_push(tmp_path / "android-1.sqlite", server)
    server.faults = [None, hold_answer]
    await kill_in_mid_push(tmp_path / "android-1.sqlite", server)
    survivor = make_device()
    assert [operation.key for operation in survivor.pending()] == keys[15:]
    report = await survivor.push()
    assert (report.repeated, report.left) == (5, 0)
    assert server.keys() == keys


@pytest.mark.parametrize("carrier", [Carrier.STREAM, Carrier.WS])
async def test_kill_minus_nine_in_the_middle_of_a_stream_loses_and_doubles_nothing(
    make_device: MakeDevice, server: FakeServer, tmp_path: Path, carrier: Carrier
) -> None:
    device = make_device(carrier=carrier)
    keys = [
        device.create("atividade", number, {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"})
        for number in range(1, 31)
    ]
    await device.close()
    server.streams.holds = True
    for after, answered in ((10, 5), (15, 0)):
        server.faults = [cut(after=after, answered=answered)]
        await kill_in_mid_push(tmp_path / "android-1.sqlite", server, carrier)
    survivor = make_device(carrier=carrier)
    left = [operation.key for operation in survivor.pending()]
    assert left == keys[-len(left) :]
    assert len(left) >= 25, "no more left the queue than was answered"
    recorded = len(server.log)
    assert recorded >= 15
    report = await survivor.push()
    assert (report.repeated, report.left) == (recorded - (30 - len(left)), 0)
    assert server.keys() == keys


async def test_an_operation_is_on_disk_when_its_call_returns(tmp_path: Path) -> None:
    path = tmp_path / "device.sqlite"
    script = (
        "import os, signal, sys\n"
        "from techdengue.client import Device\n"
        "device = Device(sys.argv[1], 'http://unused', 'android-1', 'token')\n"
        "print(device.create('atividade', 1, {'tipo': 'LIRAA'}), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(path), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    async with Device(path, "http://unused", "android-1", "token") as device:
        assert [operation.key for operation in device.pending()] == [said.decode().strip()]
