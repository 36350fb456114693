"""The rows of `jobs.push_delivery`: reserved before a message is sent, claimed while it is, settled after. In bulk.

A row that is reserved is sent; one that is settled never again. What nothing can rule out is that FCM takes a message
and we do not get to write it down: the answer was lost, the worker killed, the database away. That message is sent once
more, and its tag makes the second one take the place of the first on the device.
"""

import contextlib
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import asyncpg
import msgspec

from . import statements
from .model import Notification, Outcome, Target, TargetKind

SEEN_WITHIN: Final = dt.timedelta(days=270)
"""FCM lets go of an Android target that was not connected for so long."""
CLAIMED_FOR: Final = dt.timedelta(seconds=60)
"""How long nobody else sends what was claimed: longer than anybody works on a claim."""
AT_ONCE: Final = 100
RESERVED: Final = "reserved"

Connection: TypeAlias = "asyncpg.Connection[Any]"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that is ours to try now."""

    device_id: str
    user_id: str
    target: Target
    digest: bytes
    attempt: int
    expires_at: dt.datetime


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a claim: `outcome` None is not tried; `retry_at` is when to try again what did not get through."""

    claim: Claim
    outcome: Outcome | None
    retry_at: dt.datetime | None = None

    @property
    def is_final(self) -> bool:
        """Whether the delivery is settled by it."""
        return self.outcome is not None and not self.outcome.is_passing and self.outcome is not Outcome.UNAUTHORIZED


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the deliveries of a notification stand: how many in each state, and when the next may be tried."""

    counts: Mapping[str, int]
    next_at: dt.datetime | None

    @property
    def reserved(self) -> int:
        """How many are still to be sent."""
        return self.counts.get(RESERVED, 0)


NOTHING: Final = Standing(counts={}, next_at=None)


class Deliveries:
    """The deliveries of a notification, on a connection of the role `techdengue_jobs`."""

    def __init__(self, notification: Notification) -> None:
        self._key = notification.key
        self._type = notification.type.value
        self._ttl = notification.ttl
        self._users = sorted(notification.messages)

    async def count_targets(self, connection: Connection, now: dt.datetime) -> int:
        """How many active targets the users have."""
        found: int = await connection.fetchval(statements.COUNT_TARGETS, self._users, now - SEEN_WITHIN)
        return found

    async def reserve(self, connection: Connection, now: dt.datetime) -> None:
        """A row for each active target that has none yet."""
        await connection.execute(
            statements.RESERVE, self._key, self._users, self._type, self._ttl, now, now - SEEN_WITHIN
        )

    async def close(self, connection: Connection, now: dt.datetime) -> list[Outcome]:
        """Settle what can be delivered no more; how each ended."""
        rows = await connection.fetch(statements.CLOSE, self._key, self._users, now, now - SEEN_WITHIN)
        return [Outcome(row["state"]) for row in rows]

    async def claim(self, connection: Connection, now: dt.datetime) -> list[Claim]:
        """At most `AT_ONCE` that are due, ours for `CLAIMED_FOR`."""
        rows = await connection.fetch(
            statements.CLAIM, self._key, self._users, now, now + CLAIMED_FOR, AT_ONCE, now - SEEN_WITHIN
        )
        return [_claim(row) for row in rows]

    async def settle(self, connection: Connection, rows: Sequence[Result], now: dt.datetime) -> None:
        """Write results, and turn off the targets that are none."""
        dead = [row for row in rows if row.outcome is not None and row.outcome.deactivates]
        async with connection.transaction() if dead else contextlib.nullcontext():
            await connection.execute(
                statements.SETTLE,
                self._key,
                [row.claim.device_id for row in rows],
                [row.outcome.value if row.outcome is not None and row.is_final else RESERVED for row in rows],
                [None if row.outcome is None else row.outcome.value for row in rows],
                [row.retry_at for row in rows],
                [row.claim.digest for row in rows],
                now,
            )
            if dead:
                await connection.execute(
                    statements.DEACTIVATE,
                    [row.claim.device_id for row in dead],
                    [row.claim.digest for row in dead],
                    [row.outcome.value for row in dead if row.outcome is not None],
                    now,
                )

    async def standing(self, connection: Connection, now: dt.datetime) -> Standing:
        """How they stand."""
        rows = await connection.fetch(statements.COUNT, self._key, now)
        return Standing(
            counts={row["state"]: row["deliveries"] for row in rows},
            next_at=next((row["next_at"] for row in rows if row["state"] == RESERVED), None),
        )


def _claim(row: Any) -> Claim:
    return Claim(
        device_id=row["device_id"],
        user_id=row["user_id"],
        target=Target(TargetKind(row["kind"]), row["value"]),
        digest=row["digest"],
        attempt=row["attempts"],
        expires_at=row["expires_at"],
    )
