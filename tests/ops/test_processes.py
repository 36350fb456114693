"""No server outlives the process that started it, and what a crash left is told from what it did not."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from techdengue.dev import child
from techdengue.dev.processes import command_of, is_running, until_gone
from techdengue.dev.seaweedfs import EmbeddedSeaweed

_PARENT = """
import asyncio, sys
from pathlib import Path
from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.dev.seaweedfs import EmbeddedSeaweed
from techdengue.dev.valkey import EmbeddedValkey

async def main(home):
    servers = [EmbeddedPostgres(home / "p", durable=False), EmbeddedValkey(home / "v"), EmbeddedSeaweed(home / "s")]
    for server in servers:
        await server.start()
    print(*[server.pid for server in servers], flush=True)
    await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_servers_end_when_the_process_that_started_them_is_killed(servers_directory: Path) -> None:
    home = servers_directory / "killed"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PARENT, str(home), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await asyncio.wait_for(parent.stdout.readline(), 60)).split()]
    assert len(pids) == 3
    assert all(is_running(pid) for pid in pids)
    parent.kill()
    await parent.wait()
    await asyncio.to_thread(until_gone, pids)
    await EmbeddedSeaweed(home / "s").stop()  # removes the sockets that it leaves outside of its directory


async def test_a_process_is_known_by_its_command_until_it_has_ended() -> None:
    process = await asyncio.create_subprocess_exec("sleep", "600")
    assert is_running(process.pid)
    assert command_of(process.pid).endswith("sleep 600")
    process.send_signal(signal.SIGTERM)
    await process.wait()
    assert not is_running(process.pid)
    assert command_of(process.pid) == ""
    assert is_running(os.getpid())


async def test_a_long_log_is_put_aside_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_LONGEST_LOG_BYTES", 8)
    log = tmp_path / "echo.log"
    for word in ("first and long", "then", "on"):
        await (await child.spawn("echo", ["echo", word], log=log)).wait()
    assert log.read_text() == "then\non\n"
    assert log.with_suffix(".old.log").read_text() == "first and long\n"
