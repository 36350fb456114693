"""What can go wrong in the event store.

EventStoreError
├── InvalidAppend       the units of an append contradict themselves or each other
├── GapInLog            a reader met a position that is not the last one + 1
└── CheckpointMoved     a checkpoint was not where its owner believed
"""


class EventStoreError(Exception):
    """Any error of the event store's own."""


class InvalidAppend(EventStoreError):
    """The units of one append contradict themselves or each other: a mistake of the caller's, nothing was appended."""

    def __init__(self, *, unit: int, reason: str) -> None:
        super().__init__(f"unit {unit}: {reason}")
        self.unit = unit


class GapInLog(EventStoreError):
    """A reader met a position that is not the last one + 1: the log, or the way it is read, is broken."""

    def __init__(self, *, lane: int, expected: int, found: int) -> None:
        super().__init__(f"lane {lane}: expected position {expected}, found {found}")
        self.lane = lane
        self.expected = expected
        self.found = found


class CheckpointMoved(EventStoreError):
    """Somebody else advanced this checkpoint: two runners follow the log under one name."""

    def __init__(self, *, name: str, expected: int) -> None:
        super().__init__(f"checkpoint {name!r} no longer stands at {expected}")
        self.name = name
        self.expected = expected
