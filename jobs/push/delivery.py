"""Delivers notifications to every active device of their users, each once: how every job of the push room ends."""

import asyncio
import datetime as dt
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

import structlog

from eventstore import DATABASE_AWAY
from jobs.errors import Permanent, Transient
from jobs.model import Counts, RetryPolicy
from jobs.outbox import MESSAGE_ATTEMPTS
from jobs.run import Run
from techdengue import telemetry

from .deliveries import NOTHING, Claim, Connection, Deliveries, Result, Standing
from .errors import MessageUnsendable
from .model import Message, Notification, Outcome
from .pusher import Pusher
from .wire import check

DELIVERY_RETRY: Final = RetryPolicy(
    attempts=MESSAGE_ATTEMPTS, first=dt.timedelta(seconds=1), longest=dt.timedelta(seconds=5)
)
"""Of every job that delivers: what bounds it is the message's time to live. The pause itself is `backoff.pause`, given
to the run as `retry_after`; a day of 15 minutes each is 96 attempts."""
DELIVERY_TIME_LIMIT: Final = dt.timedelta(minutes=10)
PATIENCE: Final = dt.timedelta(seconds=10)
"""What a message waits for its turn within an attempt; beyond it the run waits instead, and holds no slot."""
_PAUSES: Final = (0.2, 1.0, 5.0)

T = TypeVar("T")
_Portion: TypeAlias = tuple[Sequence[Claim], Standing]
_log = structlog.get_logger()


async def deliver(run: Run, notification: Notification) -> Counts:
    """Send what is not settled; answers how all deliveries stand, by state.

    Raises Transient while some are to be tried again; Permanent when a message was given up or is not what FCM takes,
    or FCM does not take our credential.
    """
    deliveries = Deliveries(notification)
    pusher = run.services.push
    if pusher is None:
        async with run.services.pool.acquire() as connection:
            return {"skipped_no_credentials": await deliveries.count_targets(connection, run.services.clock())}
    try:
        for message in notification.messages.values():
            check(message)
    except MessageUnsendable as error:
        raise Permanent(str(error)) from error
    sending = _Sending(run, pusher, deliveries, notification.messages)
    standing = await sending.send_all()
    _conclude(standing, pusher, run.services.clock(), refused=sending.refused)
    return standing.counts


def _conclude(standing: Standing, pusher: Pusher, now: dt.datetime, *, refused: bool) -> None:
    if standing.reserved:
        if refused:
            raise Permanent(f"FCM does not take our credential: {standing.reserved} to be sent")
        wait = max(pusher.held_back, (standing.next_at or now) - now)
        raise Transient(f"{standing.reserved} did not get through", retry_after=wait)
    for fatal in (Outcome.REJECTED, Outcome.GIVEN_UP):
        if number := standing.counts.get(fatal.value, 0):
            raise Permanent(f"{number} {fatal.value}")


class _Sending:
    """One attempt's sending. A connection is held only between two portions, in which it is waited for FCM."""

    def __init__(self, run: Run, pusher: Pusher, deliveries: Deliveries, messages: Mapping[str, Message]) -> None:
        self._run = run
        self._pool = run.services.pool
        self._clock = run.services.clock
        self._pusher = pusher
        self._deliveries = deliveries
        self._unauthorized = False
        self._messages = messages

    @property
    def refused(self) -> bool:
        """Whether a credential is not taken: ours, or that of somebody's platform."""
        return self._unauthorized or self._pusher.refused

    async def send_all(self) -> Standing:
        """Send in portions until nothing is due, or nothing gets through; how all stand then."""
        claims, standing = await self._patiently(self._begin)
        tried = 0
        while claims:
            results = await self._send(claims)
            claims, standing = await self._patiently(functools.partial(self._go_on, results))
            tried += len(results)
            await self._run.progress(tried)
        return standing

    async def _begin(self, connection: Connection) -> _Portion:
        await self._deliveries.reserve(connection, self._clock())
        for outcome in await self._deliveries.close(connection, self._clock()):
            telemetry.PUSH_MESSAGES.labels(outcome.value).inc()
            _log.warning("push_not_delivered", outcome=outcome.value)
        return await self._look(connection)

    async def _go_on(self, results: Sequence[Result], connection: Connection) -> _Portion:
        """FCM is left alone when nothing got through."""
        await self._deliveries.settle(connection, results, self._clock())
        if any(result.is_final for result in results):
            return await self._look(connection)
        return [], await self._deliveries.standing(connection, self._clock())

    async def _look(self, connection: Connection) -> _Portion:
        """What is to be sent next, and how all stand if nothing is."""
        if not self.refused and self._pusher.held_back <= PATIENCE:
            claims = await self._deliveries.claim(connection, self._clock())
            if claims:
                return claims, NOTHING
        return [], await self._deliveries.standing(connection, self._clock())

    async def _send(self, claims: Sequence[Claim]) -> Sequence[Result]:
        """Send a portion at once; what is known by then is written down also when the run is ended meanwhile."""
        results: list[Result] = []
        try:
            async with asyncio.TaskGroup() as group:
                for claim in claims:
                    group.create_task(self._try(claim, results))
        except BaseException:
            await self._patiently(lambda connection: self._deliveries.settle(connection, results, self._clock()))
            raise
        return results

    async def _try(self, claim: Claim, results: list[Result]) -> None:
        message = self._messages[claim.user_id]
        ttl = claim.expires_at - self._clock()
        answer = await self._pusher.send(message, claim.target, ttl=ttl, patience=PATIENCE)
        if answer is None:
            results.append(Result(claim=claim, outcome=None))
        elif answer.outcome.is_passing:
            at = self._clock() + self._pusher.pause(answer, claim.attempt)
            results.append(Result(claim=claim, outcome=answer.outcome, retry_at=min(at, claim.expires_at)))
        else:
            self._unauthorized |= answer.outcome is Outcome.UNAUTHORIZED
            results.append(Result(claim=claim, outcome=answer.outcome))

    async def _patiently(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do it on a connection; again for some seconds when the database is away: FCM may have been told already."""
        for pause in _PAUSES:
            try:
                async with self._pool.acquire() as connection:
                    return await work(connection)
            except (*DATABASE_AWAY, TimeoutError):
                await asyncio.sleep(pause)
        async with self._pool.acquire() as connection:
            return await work(connection)
