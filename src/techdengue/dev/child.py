"""A child process that cannot outlive its parent.

Each child leads a session of its own, so that Ctrl-C in the terminal reaches only the parent, which then stops its
children in order. On Linux the kernel signals the child when the parent dies, even by kill -9.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from techdengue.dev.errors import ServerError
from techdengue.orphans import end_with_parent

_LONGEST_LOG_BYTES = 32 * 1024 * 1024
"""A longer log is put aside at the next start, in place of the one before it."""


class Child:
    """One running process; its output goes to a log file."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path, stop_signal: signal.Signals) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._stop_signal = stop_signal

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> int:
        """Wait until the process ends; its return code, negative for a signal."""
        return await self._process.wait()

    async def stop(self, *, grace: float = 15.0) -> None:
        """Ask the process to end; after `grace` seconds kill it and what it started."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self._stop_signal)
            try:
                await asyncio.wait_for(self._process.wait(), grace)
            except TimeoutError:
                self._kill_session()
        await self._process.wait()
        self._kill_session()

    async def kill(self) -> None:
        """End the process and what it started at once, as a crash would."""
        self._kill_session()
        await self._process.wait()

    async def until_ready(self, ready: Callable[[], Awaitable[bool]], *, within: float = 30.0) -> None:
        """Poll until `ready` answers true. Raises ServerError when the process ends or time runs out."""
        try:
            async with asyncio.timeout(within):
                while not await ready():
                    if not self.running:
                        raise ServerError(self.name, f"ended with status {self._process.returncode}", self.log)
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise ServerError(self.name, f"was not ready within {within:.0f} s", self.log) from None

    def _kill_session(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


async def spawn(
    name: str,
    argv: Sequence[str],
    *,
    log: Path,
    stop_signal: signal.Signals = signal.SIGTERM,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: int | None = None,
) -> Child:
    """Start a process whose output is appended to `log`. With `user`, it runs as that uid and gid."""
    with _LogFile(log) as output:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_before_exec(stop_signal, user),
        )
    return Child(name, process, log, stop_signal)


class _LogFile:
    """A log file open for appending, as a descriptor that children inherit; readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size > _LONGEST_LOG_BYTES:
            self._path.replace(self._path.with_suffix(".old.log"))
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _before_exec(death_signal: signal.Signals, user: int | None) -> Callable[[], None]:
    """What a new child runs before exec: become the user, and ask the kernel for a signal when the parent dies.

    In this order: the kernel forgets the signal when the user changes.
    """
    ask = end_with_parent(death_signal)

    def prepare() -> None:
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        ask()

    return prepare
