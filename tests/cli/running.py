"""`techdengue` processes: run to their end, or kept as servers until the test ends."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec

SCRIPT = Path(sys.executable).with_name("techdengue")
LISTENING = re.compile(r"listening on (http://\S+) \(pid (\d+)\)")
SECONDS = 60.0


class Finished(msgspec.Struct, frozen=True):
    """A process that has ended."""

    code: int
    out: str
    err: str


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


def clean_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without any TECHDENGUE_* variable, and with these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TECHDENGUE_")}
    return inherited | dict(variables)


async def run(
    *arguments: str, env: Mapping[str, str], directory: Path, stdin: bytes = b"", script: Path = SCRIPT
) -> Finished:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        script,
        *arguments,
        cwd=directory,
        env=clean_environment(env),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), SECONDS)
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


@contextlib.asynccontextmanager
async def serving(env: Mapping[str, str], *arguments: str, script: Path = SCRIPT) -> AsyncIterator[Serving]:
    """Start a server on a free port, wait until it says where it listens, end it with the block."""
    process = await asyncio.create_subprocess_exec(
        script, "serve", "--port", "0", *arguments, env=clean_environment(env), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield await asyncio.wait_for(_listening(process), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()  # to the end of its output, or asyncio leaves the pipe open


async def _listening(process: asyncio.subprocess.Process) -> Serving:
    assert process.stdout is not None
    async for line in process.stdout:
        if found := LISTENING.search(line.decode()):
            return Serving(process, found[1], int(found[2]))
    raise AssertionError(f"the server ended with {await process.wait()} before it listened")
