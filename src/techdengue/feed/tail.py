"""Looks at the log's tail every few seconds while somebody waits: the truth, where wake-ups are only quicker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from eventstore import DATABASE_AWAY
from techdengue import telemetry

from .heard import Heard
from .waiting import Waiters

_GRACE_SECONDS: Final = 0.25
"""How long a wake-up may be on its way after its commit before it counts as lost."""

log = structlog.get_logger(__name__)


class Tail:
    """One query every `interval` seconds, and none where nobody waits."""

    def __init__(self, read: Callable[[], Awaitable[int]], heard: Heard, waiters: Waiters, *, interval: float) -> None:
        self._read = read
        self._heard = heard
        self._waiters = waiters
        self._interval = interval
        self._away = False

    async def watch(self) -> None:
        """Look, for ever."""
        while True:
            await self._waiters.occupied.wait()
            await asyncio.sleep(self._interval)
            if self._waiters.occupied.is_set():
                await self._try()

    async def _try(self) -> None:
        try:
            await self.look()
        except DATABASE_AWAY as error:
            if not self._away:
                log.warning("tail_unknown", error=type(error).__name__)
            self._away = True
        except Exception:  # whatever it is, the next look may succeed, and those who wait have their own time-outs
            log.exception("tail_unknown")
            self._away = True
        else:
            self._away = False

    async def look(self) -> None:
        """Wake everybody where something was committed that nobody told us of."""
        heard_before = self._heard.through
        tail = await self._read()
        if heard_before <= tail:
            if self._heard.through >= tail:
                return
            await asyncio.sleep(min(_GRACE_SECONDS, self._interval))
            if self._heard.through >= tail:
                return
        self._heard.catch_up(tail)
        telemetry.FEED_WAKE_UPS.labels("poll").inc()
        self._waiters.announce({"*"})
