"""Sends many messages at once, as fast as the quota and the connections allow, and stops where FCM says stop.

One for a process, so that all its runs keep to the same pace and hear of the same refusals.
"""

import asyncio
import contextlib
import datetime as dt
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import structlog

from techdengue import telemetry
from techdengue.settings import Settings

from .backoff import pause
from .client import FcmClient, open_client
from .model import Answer, Message, Outcome, Target
from .pacing import Pacing
from .service_account import read_service_account

REFUSED_FOR: Final = dt.timedelta(seconds=60)
"""After our credential was refused twice, nobody asks again before."""

_ALERTS: Final = frozenset({Outcome.REJECTED, Outcome.SENDER_MISMATCH, Outcome.UNAUTHORIZED})
_log = structlog.get_logger()


class Pusher:
    """Messages on their way to FCM. `now` is monotonic seconds, `chance` is in [0, 1)."""

    def __init__(
        self,
        client: FcmClient,
        *,
        per_minute: int,
        at_once: int,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._pacing = Pacing(per_minute)
        self._free = asyncio.Semaphore(at_once)
        self._now = now
        self._chance = chance
        self._refused_until = 0.0

    @property
    def refused(self) -> bool:
        """Whether FCM does not take our credential; it is not asked for a while."""
        return self._now() < self._refused_until

    @property
    def held_back(self) -> dt.timedelta:
        """How long until a message may go: the pace, or the pause that FCM asked for."""
        now = self._now()
        return dt.timedelta(seconds=self._pacing.place(now) - now)

    async def send(
        self, message: Message, target: Target, *, ttl: dt.timedelta, patience: dt.timedelta
    ) -> Answer | None:
        """Send when it is this message's turn; None when that is not within `patience`, and then nothing was sent.

        Raises MessageUnsendable.
        """
        latest = self._now() + patience.total_seconds()
        if self._pacing.place(self._now()) > latest:
            return None
        await asyncio.sleep(max(0.0, self._pacing.take(self._now()) - self._now()))
        async with self._free:
            if self.refused or self._pacing.paused(self._now()) or self._now() > latest:
                return None
            answer = await self._client.send(message, target, ttl=ttl)
        self._hear(answer)
        return answer

    async def validate(self, message: Message, target: Target) -> Answer:
        """Ask FCM whether it would take the message; nobody gets it. Raises MessageUnsendable."""
        return await self._client.send(message, target, ttl=dt.timedelta(), validate_only=True)

    def pause(self, answer: Answer, attempt: int) -> dt.timedelta:
        """How long a message that did not get through waits after this attempt."""
        return pause(answer.outcome, attempt=attempt, asked=answer.retry_after, chance=self._chance())

    def _hear(self, answer: Answer) -> None:
        telemetry.PUSH_MESSAGES.labels(answer.outcome.value).inc()
        if answer.outcome in _ALERTS:
            told = {"outcome": answer.outcome.value, "status": answer.status, "code": answer.code}
            _log.error("push_refused", **told, fields=list(answer.fields))
        if answer.refuses_us:
            self._refused_until = self._now() + REFUSED_FOR.total_seconds()
        if answer.outcome is Outcome.QUOTA:
            self._pacing.pause(self._now() + self.pause(answer, 1).total_seconds())


@contextlib.asynccontextmanager
async def open_pusher(
    settings: Settings, *, clock: Callable[[], dt.datetime], now: Callable[[], float] = time.monotonic
) -> AsyncIterator[Pusher | None]:
    """The process's pusher; None, said once in the log, where no service account is set. Raises CredentialsUnusable."""
    if not settings.push_service_account_file:
        _log.warning("push_not_configured", setting="TECHDENGUE_PUSH_SERVICE_ACCOUNT_FILE")
        yield None
        return
    account = read_service_account(Path(settings.push_service_account_file))
    at_once = settings.push_connections
    async with open_client(account, endpoint=settings.push_endpoint, connections=at_once, clock=clock) as client:
        yield Pusher(client, per_minute=settings.push_per_minute, at_once=at_once, now=now)
