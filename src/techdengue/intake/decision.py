"""What a job amounts to once it is decided: its answers, its events, and what else must be written with them."""

import datetime as dt
from collections import Counter

import msgspec

from eventstore import NewEvent
from jobs.outbox import Following

from .model import Answer, Resolved, Sealed
from .snapshot import Place
from .tally import Tally


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A conflict that an event of the decision opens."""

    conflict_id: str
    event: NewEvent
    entity_type: str
    entity_id: str
    conflict_type: str
    strategy: str


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A conflict that an event of the decision settles."""

    conflict_id: str
    event: NewEvent
    choice: str
    note: str | None


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose verification the decision records."""

    municipio: str
    evidencia_id: str
    object_key: str
    sniffed_type: str
    verified_by: str
    verified_at: dt.datetime


class Decision:
    """One job's part of a group. `places` are all streams it looked at, `clock` its writer's new one."""

    __slots__ = (
        "answers", "clock", "events", "following", "opened", "places", "resolved", "sealed", "settled", "tally",
        "verified",
    )  # fmt: skip

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.tally: Tally = Counter()
        """Of the answers, once all are there."""
        self.events: list[NewEvent] = []
        self.places: set[Place] = set()
        self.opened: list[Opened] = []
        self.settled: list[Settled] = []
        self.following: list[Following] = []
        self.resolved: Resolved | None = None
        self.sealed: Sealed | None = None
        self.verified: list[Verified] = []
        self.clock: dt.datetime | None = None
