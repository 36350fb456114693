"""A `techdengue serve` process of a test's own, on a free port, ended with the test."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from .conftest import SCRIPT, clean_environment

LISTENING = re.compile(r"listening on (http://\S+) \(pid (\d+)\)")
SECONDS = 30.0


class Serving:
    """A running server: its address and process."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, pid: int) -> None:
        self.process = process
        self.url = url
        self.pid = pid

    async def ended(self) -> int:
        """Wait for the process's end; its exit code."""
        return await asyncio.wait_for(self.process.wait(), SECONDS)

    def terminate(self) -> None:
        """Ask it to end, as an orchestrator does."""
        self.process.send_signal(signal.SIGTERM)


@contextlib.asynccontextmanager
async def serving(
    env: Mapping[str, str], *arguments: str, script: Path = SCRIPT, directory: Path | None = None
) -> AsyncIterator[Serving]:
    """Start a server and wait until it says where it listens."""
    process = await asyncio.create_subprocess_exec(
        script,
        "serve",
        "--port",
        "0",
        *arguments,
        env=clean_environment(**env),
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=None,
    )
    try:
        yield await asyncio.wait_for(_listening(process), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # asyncio closes the pipe of a process that has ended only when its last output was read.
        if process.stdout is not None:
            await process.stdout.read()


async def _listening(process: asyncio.subprocess.Process) -> Serving:
    assert process.stdout is not None
    async for line in process.stdout:
        if found := LISTENING.search(line.decode()):
            return Serving(process, found[1], int(found[2]))
    raise AssertionError(f"the server ended with {await process.wait()} before it listened; pid {os.getpid()}")
