"""What a job amounts to once it is decided: its answers, its events, and what else must be written with them."""

import datetime as dt

import msgspec

from eventstore import NewEvent
from jobs.outbox import Following

from .model import Answer, Resolved
from .snapshot import Place


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


class Decision:
    """One job's part of a group. `places` are all streams it looked at, `clock` its writer's new one."""

    __slots__ = ("answers", "clock", "events", "following", "opened", "places", "resolved", "settled")

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.events: list[NewEvent] = []
        self.places: set[Place] = set()
        self.opened: list[Opened] = []
        self.settled: list[Settled] = []
        self.following: list[Following] = []
        self.resolved: Resolved | None = None
        self.clock: dt.datetime | None = None
