"""The example of docs/client.md runs as it is and prints what the page shows; without a network it does not raise."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from techdengue.client import Device, WrongDevice
from techdengue.dev.database import Database

from .conftest import MakeDevice
from .fake_server import FakeServer
from .real_server import running_server

PAGE = Path(__file__).resolve().parents[2] / "docs/client.md"
KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


async def run_example(directory: Path, url: str, token: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        block("python").replace("patience=30", "patience=1"),
        url,
        token,
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    shown, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, shown.decode()
    return KEY.sub("KEY", shown.decode())


async def test_the_example_prints_what_the_page_shows(database: Database, tmp_path: Path) -> None:
    async with running_server(database.server_url, tmp_path) as server:
        shown = await run_example(tmp_path, server.url, server.token("ana", ("5103403",)))
    assert shown == KEY.sub("KEY", block("text"))


async def test_the_example_without_a_network_keeps_its_work_and_says_why(tmp_path: Path) -> None:
    shown = await run_example(tmp_path, "http://127.0.0.1:1", "token")
    assert "recorded: {} left: 3\nnot at the end: the connection failed: connection refused\n" in shown


async def test_a_refused_operation_is_shown_in_a_line(device: Device, server: FakeServer) -> None:
    key = device.create("atividade", 7, {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403", "observacoes": "x" * 999})
    server.refuse = {key: ("invalid_data", "tipo is unknown")}
    await device.sync()
    assert repr(device.refusals()[0]) == (
        f"<RefusedOperation invalid_data at /data/tipo: tipo is unknown; <QueuedOperation create atividade 7, {key}>>"
    )


def test_a_file_of_another_device_is_answered_with_the_ways_out(make_device: MakeDevice, tmp_path: Path) -> None:
    make_device("py-1")
    with pytest.raises(WrongDevice, match="open it as 'py-1', or use another file for 'py-2'"):
        Device(tmp_path / "py-1.sqlite", "http://127.0.0.1:1", "py-2", "token")
