"""All open sockets of the process: once a second each is looked at, and now and then its token and its owner.

One task for all of them, for a task each would cost more memory than the rest of an idle connection.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final, Protocol

import structlog

from eventstore import DATABASE_AWAY
from techdengue import telemetry
from techdengue.http.ports import Admission, Readers, Verifier
from techdengue.http.problems import Problem
from techdengue.http.roles import require_device

_LOOK_SECONDS: Final = 1.0
_log = structlog.get_logger()


class Kept(Protocol):
    """An open socket."""

    admission: Admission
    token: str
    device_id: str
    checked_at: float

    def look(self, now: float) -> None:
        """What time brings."""

    def end(self, problem: Problem) -> None:
        """Close it."""


class Keeper:
    """Open sockets; `recheck_seconds` is how often a token and an owner are looked at again."""

    def __init__(self, readers: Readers, verifier: Verifier, *, recheck_seconds: float) -> None:
        self._readers = readers
        self._verifier = verifier
        self._recheck_seconds = recheck_seconds
        self._open: set[Any] = set()
        self._stopping = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keeps the sockets for as long as the block, and closes them at its end."""
        keeping = asyncio.create_task(self._keep(), name="sockets")
        try:
            yield
        finally:
            self.stop()
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping

    @contextlib.contextmanager
    def keeping(self, connection: Kept) -> Iterator[None]:
        """A socket is open for as long as the block."""
        if self._stopping:
            raise _stopping()
        self._open.add(connection)
        telemetry.SOCKETS_OPEN.inc()
        try:
            yield
        finally:
            self._open.discard(connection)
            telemetry.SOCKETS_OPEN.dec()

    def stop(self) -> None:
        """Close every socket, now and from now on: their devices connect elsewhere."""
        self._stopping = True
        for connection in tuple(self._open):
            connection.end(_stopping())

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            for connection in tuple(self._open):
                connection.look(now)
            due = [each for each in self._open if now - each.checked_at >= self._recheck_seconds]
            if due:
                await self._recheck(due, now)

    async def _recheck(self, due: Sequence[Kept], now: float) -> None:
        """End those whose token no longer verifies, or whose device is another user's now."""
        for connection in due:
            connection.checked_at = now
            try:
                await self._verifier.admit(connection.token, afresh=True)
                require_device(connection.admission.caller, await self._readers.device_owner(connection.device_id))
            except Problem as problem:
                if problem.code != "unavailable":  # the issuer is away: the keys that were good are good
                    connection.end(problem)
            except DATABASE_AWAY as error:
                _log.warning("database_away", error=type(error).__name__)


def _stopping() -> Problem:
    return Problem("server_stopping", "The server is stopping; connect again")
