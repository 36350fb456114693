"""What the parent of several server processes knows of one of them: whether it is there, serves, and is due again."""

import os
import signal
import time
from typing import Final

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 2.0
"""Short: new connections that the kernel deals to this place wait for it."""
STEADY_SECONDS: Final = 60.0
"""After so long without an end the pauses begin anew."""


class Worker:
    """One place for a worker; its process may end and another take it. Times are monotonic seconds."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid: int | None = None
        self.heard: int | None = None
        """Where it says that it serves; end of file says that it died."""
        self.serves = False
        self.has_served = False
        self.due_at: float | None = time.monotonic()
        self._pause = FIRST_PAUSE
        self._started_at = 0.0

    @property
    def due(self) -> bool:
        """Whether it is to be started now."""
        return self.due_at is not None and time.monotonic() >= self.due_at

    def started(self, pid: int, heard: int) -> None:
        """A process has taken the place."""
        self.pid, self.heard = pid, heard
        self.due_at, self._started_at = None, time.monotonic()

    def hear(self) -> None:
        """Read what it says."""
        if self.heard is not None:
            self.serves = bool(os.read(self.heard, 1))
            self.has_served |= self.serves
            os.close(self.heard)
            self.heard = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, where there is a process: one that we have not reaped yet."""
        if self.pid is not None:
            os.kill(self.pid, number)

    def reap(self) -> int | None:
        """The exit code once it has ended, negative for a signal; None while it runs or there is none."""
        if self.pid is None:
            return None
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        self.pid, self.serves = None, False
        return os.waitstatus_to_exitcode(status)

    def ended(self) -> float:
        """It is due again after a pause: how long that is, in seconds."""
        now = time.monotonic()
        if now - self._started_at > STEADY_SECONDS:
            self._pause = FIRST_PAUSE
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        self.due_at = now + pause
        return pause
