"""`techdengue dev` from nothing to a first sync, and back to nothing: no process stays, whatever ends it."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from techdengue.dev.ports import LOOPBACK, free_ports
from techdengue.dev.processes import child_pids, until_gone
from techdengue.dev.state import DevState, read_state

PROGRAM = Path(sys.executable).with_name("techdengue")
LAST_LINE = "Ctrl-C stops all of it; the data is kept."
START_SECONDS = 180.0


class Dev:
    """A running `techdengue dev` and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process, data: Path) -> None:
        self.process = process
        self.data = data
        self.lines: list[str] = []

    @property
    def state(self) -> DevState:
        state = read_state(self.data)
        assert state is not None
        return state

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.state.processes]

    async def until_said(self, text: str) -> None:
        """Read on until a line holds the text."""
        assert self.process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            while line := (await self.process.stdout.readline()).decode():
                self.lines.append(line.rstrip("\n"))
                if text in line:
                    return
        raise AssertionError("\n".join(["it ended before it said so:", *self.lines]))

    async def end(self, sent: signal.Signals) -> int:
        """Signal it and wait for its end; its status."""
        assert self.process.stdout is not None
        self.process.send_signal(sent)
        self.lines += (await self.process.stdout.read()).decode().splitlines()
        return await self.process.wait()


@contextlib.asynccontextmanager
async def _dev(data: Path, *options: str, **shell: str) -> AsyncIterator[Dev]:
    names = ("port", "postgres-port", "redis-port", "s3-port", "worker-port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    given = [part for name, port in ports.items() for part in (f"--{name}", str(port))]
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        "dev",
        "--data-dir",
        str(data),
        *given,
        *options,  # the last of an option given twice holds
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if not name.startswith("TECHDENGUE_")} | shell,
        limit=1 << 20,
    )
    dev = Dev(process, data)
    try:
        yield dev
    finally:
        if process.returncode is None:
            await dev.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def data(servers_directory: Path) -> Path:
    """The data directory of the runs of this file, one after another."""
    return servers_directory / "dev"


async def _shell(command: str) -> bytes:
    process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    assert process.returncode == 0
    return out


async def _hears_through_redis(api: str) -> None:
    """Until the API has found Valkey."""
    async with asyncio.timeout(60):
        while b"\nfeed_redis_connected 1.0\n" not in await _shell(f"curl -sS {api}/metrics"):  # noqa: ASYNC110 - a process apart
            await asyncio.sleep(0.1)


async def test_from_nothing_to_a_first_sync_and_back(data: Path) -> None:
    async with _dev(data, "--devices", "1") as dev:
        await dev.until_said(LAST_LINE)
        assert {process.name for process in dev.state.processes} == {
            "S3", "PostgreSQL", "Valkey", "API", "projector", "worker", "simulator",
        }  # fmt: skip
        command = next(line for line in dev.lines if line.startswith("curl "))
        for repeated in (False, True):
            answer = json.loads(await _shell(command))
            assert [success["already_processed"] for success in answer["successes"]] == [repeated]
        await _hears_through_redis(dev.state.urls["API"])
        second = await asyncio.create_subprocess_exec(
            str(PROGRAM),
            "dev",
            "--data-dir",
            str(data),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await second.communicate()
        assert second.returncode == 1
        assert f"already running here (pid {dev.process.pid}".encode() in said
        assert dev.state.urls["API"].encode() in said
        pids = dev.pids
        assert await dev.end(signal.SIGINT) == 0
        await asyncio.to_thread(until_gone, pids)
        assert read_state(data) is None


async def test_after_kill_9_nothing_stays_and_the_next_start_finds_the_data(data: Path) -> None:
    async with _dev(data, "--no-simulate") as dev:
        await dev.until_said(LAST_LINE)
        pids = dev.pids
        await dev.end(signal.SIGKILL)
    await asyncio.to_thread(until_gone, pids)
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        shell = {"TECHDENGUE_LOG_LEVEL": "warning", "TECHDENGUE_REDIS_URL": "redis://elsewhere"}
        async with _dev(data, "--no-simulate", "--port", str(port), "--workers", "2", **shell) as dev:
            await dev.until_said(LAST_LINE)
            assert "with TECHDENGUE_LOG_LEVEL of this shell" in dev.lines
            assert any(line.startswith("without TECHDENGUE_REDIS_URL of this shell") for line in dev.lines)
            assert dev.state.environment["TECHDENGUE_LOG_LEVEL"] == "warning"
            assert "elsewhere" not in dev.state.environment["TECHDENGUE_REDIS_URL"]
            assert not any("loading the demo" in line for line in dev.lines)
            assert any(line.startswith(f"port {port} is taken: the API is on") for line in dev.lines)
            api = next(process for process in dev.state.processes if process.name == "API")
            workers = child_pids(api.pid)
            assert len(workers) == 2
            os.kill(api.pid, signal.SIGKILL)
            await dev.until_said("API runs again")
            await asyncio.to_thread(until_gone, workers)
            pids = [pid for process in dev.pids for pid in (process, *child_pids(process))]
            assert await dev.end(signal.SIGTERM) == 0
    await asyncio.to_thread(until_gone, pids)


async def test_a_hang_up_in_the_middle_of_the_start_leaves_nothing(servers_directory: Path) -> None:
    async with _dev(servers_directory / "hang-up", "--no-simulate") as dev:
        await dev.until_said("starting PostgreSQL")
        assert await dev.end(signal.SIGHUP) == 0
    left = await _shell("ps -eo args")
    assert str(servers_directory / "hang-up").encode() not in left
