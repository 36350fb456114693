"""Keeps what was started running, and stops it in reverse order.

A crash is told and answered by a new start, each time after a longer pause.
"""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol, Self

from techdengue.dev.errors import DevError

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
STEADY_SECONDS: Final = 60.0
"""After so long without a crash the pauses begin anew."""


class Supervised(Protocol):
    """Something that runs: an embedded server or a program of ours."""

    @property
    def pid(self) -> int: ...

    @property
    def running(self) -> bool: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def wait(self) -> int: ...


class Supervisor:
    """Starts things and restarts what ends by itself, until the `async with` block ends."""

    def __init__(self, tell: Callable[[str], None], *, changed: Callable[[], None] = lambda: None) -> None:
        self._tell = tell
        self._changed = changed
        self._running: dict[str, Supervised] = {}
        self._watchers: list[asyncio.Task[None]] = []

    @property
    def running(self) -> dict[str, Supervised]:
        """What was started, by name, in the order in which it became ready."""
        return dict(self._running)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for thing in reversed(list(self._running.values())):
            await thing.stop()
        self._running.clear()

    async def start(self, name: str, thing: Supervised) -> None:
        """Start it, and from then on start it again whenever it ends. Raises what its start raises."""
        await thing.start()
        self._running[name] = thing
        self._changed()
        self._watchers.append(asyncio.create_task(self._keep_running(name, thing), name=f"watch {name}"))

    async def _keep_running(self, name: str, thing: Supervised) -> None:
        pause = FIRST_PAUSE
        while True:
            since = time.monotonic()
            status = await thing.wait()
            if time.monotonic() - since > STEADY_SECONDS:
                pause = FIRST_PAUSE
            pause = await self._start_again(name, thing, f"ended with status {status}", pause)

    async def _start_again(self, name: str, thing: Supervised, reason: str, pause: float) -> float:
        """Start it after a pause, again and again until it works; the pause before the next time."""
        while True:
            self._tell(f"{name} {reason}; starting it again in {pause:.1f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            try:
                await thing.start()
            except (DevError, OSError) as error:
                reason = f"did not start ({error})"
            else:
                self._tell(f"{name} runs again")
                self._changed()
                return pause
