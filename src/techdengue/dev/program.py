"""A `techdengue` command as a process of the environment."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from techdengue.dev.child import Child, spawn
from techdengue.dev.errors import DevError

Ready = Callable[[], Awaitable[bool]]


class Program:
    """One `techdengue …` process. It is started when `ready` answers true, at once without it."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        ready: Ready | None = None,
    ) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self._log = log
        self._ready = ready
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """Its process id. Raises DevError when it was not started."""
        return self._started().pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def start(self) -> None:
        """Start it. Raises ServerError with the end of its log when it does not become ready."""
        self._child = await spawn(
            self.name,
            [str(_script()), *self._arguments],
            log=self._log,
            stop_signal=signal.SIGTERM,
            env=_inherited() | dict(self._environment) | {"PYTHONUNBUFFERED": "1"},
        )
        if self._ready is None:
            return
        try:
            await self._child.until_ready(self._ready)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Ask it to end; kill it when it does not."""
        if self._child is not None:
            await self._child.stop()
            self._child = None

    async def wait(self) -> int:
        """Wait until it ends by itself; its return code."""
        return await self._started().wait()

    def _started(self) -> Child:
        if self._child is None:
            raise DevError(f"{self.name} is not running")
        return self._child


def _script() -> Path:
    script = Path(sys.executable).with_name("techdengue")
    if not script.exists():
        raise DevError(f"{script} is not there: install techdengue into this environment")
    return script


def _inherited() -> dict[str, str]:
    """This process's environment without its TECHDENGUE_* variables: those that hold are among what is given."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TECHDENGUE_")}
