"""What a job is: its name, queue, arguments, handler, and how it is tried."""

import datetime as dt
import enum
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec

from techdengue.domain.access import Role

from .run import Run

_MOST_DOUBLINGS: Final = 20

Counts = Mapping[str, int]
"""What a run did, in numbers: `{"deleted": 12}`; stored with it."""


class Queue(enum.StrEnum):
    """What a worker serves; each queue is an arq queue of its own."""

    CLEANUP = "cleanup"
    REPORTS = "reports"
    NOTIFICATIONS = "notifications"


class Origin(enum.StrEnum):
    """What a run follows from."""

    SCHEDULE = "schedule"
    CATCH_UP = "catch_up"
    """A scheduled time that passed while no worker lived."""
    COMMIT = "commit"
    REQUEST = "request"
    JOB = "job"


class Status(enum.StrEnum):
    """Where a run is; `failed` is a dead letter."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class NoArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of a job that takes none."""


A = TypeVar("A", bound=msgspec.Struct)


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often and when a run is tried: exponential with full jitter, so that many do not come back together."""

    attempts: int
    first: dt.timedelta
    longest: dt.timedelta

    def pause(self, attempt: int, *, chance: Callable[[], float] = random.random) -> dt.timedelta:
        """How long to wait after this failed attempt (1: the first); `chance` is in [0, 1)."""
        doublings = min(attempt - 1, _MOST_DOUBLINGS)
        longest: dt.timedelta = min(self.longest, self.first * 2**doublings)
        return longest * chance()


class Job(msgspec.Struct, Generic[A], frozen=True, kw_only=True):
    """One job. Its handler may be run again at any time, also beside itself: what it does, it does once by its keys."""

    name: str
    queue: Queue
    arguments: type[A]
    """A struct of ids; what the outside sends is checked by it."""
    handler: Callable[[Run, A], Awaitable[Counts]]
    time_limit: dt.timedelta
    """Of one attempt."""
    retry: RetryPolicy
    summary: str
    """One sentence for people."""
    exclusive: bool = False
    """Whether two runs of it never work at once."""
    least_role: Role = Role.ADMIN
    """Who may start it by hand."""
    by_hand: type[msgspec.Struct] | None = None
    """What of `arguments` a person may say; None: all of it."""


AnyJob = Job[Any]
