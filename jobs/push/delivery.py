"""Delivers notifications to every active device of their users, each once: how every job of the push room ends."""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from jobs.errors import Permanent, Transient
from jobs.model import Counts, RetryPolicy
from jobs.outbox import MESSAGE_ATTEMPTS
from jobs.run import Run
from techdengue import telemetry

from .deliveries import Claim, Deliveries, Result
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

_log = structlog.get_logger()


async def deliver(run: Run, notifications: Sequence[Notification]) -> Counts:
    """Send what is not settled; answers how all deliveries stand, by state.

    Raises Transient while some are to be tried again; Permanent when a message was given up or is not what FCM takes,
    or FCM does not take our credential.
    """
    deliveries = Deliveries(run.services.pool, notifications)
    pusher = run.services.push
    if pusher is None:
        return {"skipped_no_credentials": await deliveries.count_targets(run.services.clock())}
    try:
        for notification in notifications:
            check(notification.message)
    except MessageUnsendable as error:
        raise Permanent(str(error)) from error
    await deliveries.reserve(run.services.clock())
    for outcome in await deliveries.close(run.services.clock()):
        telemetry.PUSH_MESSAGES.labels(outcome.value).inc()
        _log.warning("push_not_delivered", outcome=outcome.value)
    refused = await _Sending(run, pusher, deliveries, notifications).send_all()
    return await _conclude(run, pusher, deliveries, refused=refused)


async def _conclude(run: Run, pusher: Pusher, deliveries: Deliveries, *, refused: bool) -> Counts:
    now = run.services.clock()
    standing = await deliveries.standing(now)
    if standing.reserved:
        if refused:
            raise Permanent(f"FCM does not take our credential: {standing.reserved} to be sent")
        wait = max(pusher.held_back, (standing.next_at or now) - now)
        raise Transient(f"{standing.reserved} did not get through", retry_after=wait)
    for fatal in (Outcome.REJECTED, Outcome.GIVEN_UP):
        if number := standing.counts.get(fatal.value, 0):
            raise Permanent(f"{number} {fatal.value}")
    return standing.counts


class _Sending:
    """One attempt's sending."""

    def __init__(self, run: Run, pusher: Pusher, deliveries: Deliveries, notifications: Sequence[Notification]) -> None:
        self._run = run
        self._pusher = pusher
        self._deliveries = deliveries
        self._messages: Mapping[tuple[str, str], Message] = {
            (note.key, user): note.message for note in notifications for user in note.users
        }
        self._tried = 0

    async def send_all(self) -> bool:
        """Send in portions until nothing is due, or nothing gets through; whether FCM refuses our credential."""
        while not self._pusher.refused and self._pusher.held_back <= PATIENCE:
            claims = await self._deliveries.claim(self._run.services.clock())
            results = await self._send(claims)
            if not any(result.is_final for result in results):
                break
            self._tried += len(results)
            await self._run.progress(self._tried)
        return self._pusher.refused

    async def _send(self, claims: Sequence[Claim]) -> Sequence[Result]:
        """Send a portion at once; what is known by then is written down however it ends."""
        results: list[Result] = []
        try:
            async with asyncio.TaskGroup() as group:
                for claim in claims:
                    group.create_task(self._try(claim, results))
        finally:
            await self._deliveries.settle(results, self._run.services.clock())
        return results

    async def _try(self, claim: Claim, results: list[Result]) -> None:
        message = self._messages[claim.message_key, claim.user_id]
        ttl = claim.expires_at - self._run.services.clock()
        answer = await self._pusher.send(message, claim.target, ttl=ttl, patience=PATIENCE)
        if answer is None:
            results.append(Result(claim=claim, outcome=None))
        elif answer.outcome.is_passing:
            at = self._run.services.clock() + self._pusher.pause(answer, claim.attempt)
            results.append(Result(claim=claim, outcome=answer.outcome, retry_at=min(at, claim.expires_at)))
        else:
            results.append(Result(claim=claim, outcome=answer.outcome))
