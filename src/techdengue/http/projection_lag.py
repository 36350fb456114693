"""How far the projections are behind, for `/metrics`: asked of the database, for a dead projector reports nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from projections.model import ProjectionStatus
from techdengue import telemetry

KEPT_SECONDS: Final = 5.0
"""Scrapes within this time are answered with what is known: `/metrics` takes no token and must be no load."""
ANSWER_SECONDS: Final = 2.0

_log = structlog.get_logger()


class ProjectionLag:
    """Sets the gauges of lag. Where the database does not answer they are absent: an old value would look well."""

    def __init__(
        self, read: Callable[[], Awaitable[Sequence[ProjectionStatus]]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._asked_at: float | None = None
        self._turn = asyncio.Lock()

    async def refresh(self) -> None:
        """Bring the gauges up to date, unless they are."""
        async with self._turn:
            now = self._clock()
            if self._asked_at is not None and now - self._asked_at < KEPT_SECONDS:
                return
            self._asked_at = now
            _show(await self._status())

    async def _status(self) -> Sequence[ProjectionStatus]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._read()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other metrics are answered
            _log.warning("projection_lag_unknown", error=type(error).__name__)
            return ()


def _show(found: Sequence[ProjectionStatus]) -> None:
    telemetry.PROJECTION_LAG_EVENTS.clear()
    telemetry.PROJECTION_LAG_SECONDS.clear()
    for one in found:
        telemetry.PROJECTION_LAG_EVENTS.labels(one.name).set(one.lag_events)
        telemetry.PROJECTION_LAG_SECONDS.labels(one.name).set(one.lag_seconds)
