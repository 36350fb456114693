"""All open streams and WebSockets of the process: once a second each is looked at, and now and then its token and its
owner.

One task for all of them, for a task each would cost more memory than the rest of an idle connection.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Final, Protocol

import structlog
from prometheus_client import Gauge

from eventstore import DATABASE_AWAY

from .ports import Admission, Readers, Verifier
from .problems import Problem, server_stopping, token_expired
from .roles import require_device

_LOOK_SECONDS: Final = 1.0
_log = structlog.get_logger()


class Kept(Protocol):
    """Something that stays open. `checked_at` is when its token and owner were last looked at (`time.monotonic()`)."""

    admission: Admission
    token: str
    device_id: str
    checked_at: float

    def look(self, now: float) -> None:
        """What time brings; `now` is `time.monotonic()`."""

    def end(self, problem: Problem) -> None:
        """Come to an end for this reason."""


class Keeper:
    """What is open; `recheck_seconds` is how often tokens and owners are looked at again."""

    def __init__(self, readers: Readers, verifier: Verifier, *, recheck_seconds: float) -> None:
        self._readers = readers
        self._verifier = verifier
        self._recheck_seconds = recheck_seconds
        self.open: set[Kept] = set()
        """What is open now."""
        self._stopping = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keeps what is open for as long as the block, and ends it then."""
        async with asyncio.TaskGroup() as tasks:
            keeping = [tasks.create_task(self._look_often()), tasks.create_task(self._recheck_often())]
            try:
                yield
            finally:
                self.stop()
                for task in keeping:
                    task.cancel()

    @contextlib.contextmanager
    def keeping(self, kept: Kept, gauge: Gauge) -> Iterator[None]:
        """It is open for as long as the block, and counted. Raises Problem `server_stopping`."""
        if self._stopping:
            raise server_stopping()
        self.open.add(kept)
        gauge.inc()
        try:
            yield
        finally:
            self.open.discard(kept)
            gauge.dec()

    def stop(self) -> None:
        """End everything, now and from now on: devices connect elsewhere."""
        self._stopping = True
        for kept in tuple(self.open):
            kept.end(server_stopping())

    async def _look_often(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            for kept in tuple(self.open):
                if time.time() >= kept.admission.expires:
                    kept.end(token_expired())
                else:
                    kept.look(now)

    async def _recheck_often(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            if due := [kept for kept in self.open if now - kept.checked_at >= self._recheck_seconds]:
                for kept in due:
                    kept.checked_at = now
                try:
                    await self._recheck(due, await self._readers.device_owners([kept.device_id for kept in due]))
                except DATABASE_AWAY as error:
                    _log.warning("database_away", error=type(error).__name__)
                except Exception as error:  # noqa: BLE001 - what is open stays so, and is looked at again
                    _log.error("recheck_failed", exc_info=error)

    async def _recheck(self, due: Sequence[Kept], owners: Mapping[str, str]) -> None:
        """End those whose token no longer verifies, or whose device is another user's now."""
        for kept in due:
            try:
                await self._verifier.admit(kept.token, afresh=True)
                require_device(kept.admission.caller, owners.get(kept.device_id))
            except Problem as problem:
                if problem.code != "unavailable":  # the issuer is away: keys that were good are good
                    kept.end(problem)
