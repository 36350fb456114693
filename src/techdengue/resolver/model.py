"""The resolver's terms (resolution.md, "Terms"): stamps, leaves, states, operations, verdicts.

Times are µs since the epoch. A *leaf* is `(value, stamp)`; its value is a scalar, an array, `REMOVED` or `{}`.
Paths are JSON Pointers (RFC 6901); the root is `""`.
"""

import enum
from typing import Any, Final

import msgspec

from techdengue.domain.operation import (
    Choice,
    ConflictType,
    ErrorCode,
    OperationKind,
    Outcome,
    Strategy,
)

Stamp = tuple[int, str, str]
"""(effective time, device, idempotency key): totally ordered, so there are no ties."""


class Removed(enum.Enum):
    """The value of a leaf that was removed (`null` in a merge patch)."""

    REMOVED = "removed"


REMOVED: Final = Removed.REMOVED

Leaf = tuple[Any, Stamp]


NO_CLOCK: Final = -(1 << 62)
"""The clock of an entity that has no stamps: before every time."""


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that changed its entity: enough to tell whether an operation's author could know of it."""

    sequence: int
    device: str
    time: int
    received_at: int


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One entity, as its stream's events leave it. Never changed in place: `resolve` answers a new one."""

    leaves: dict[str, Leaf] = {}
    cuts: dict[str, Stamp] = {}
    """Where a leaf is `{}`: the highest stamp of a scalar, array or removal that stood there, for it hides what
    lies below with a lower one for ever. Any other leaf cuts with its own stamp."""
    tombstone: Stamp | None = None
    clock: int = NO_CLOCK
    """The highest effective time among the stamps of leaves and tombstone."""
    sequence: int = 0
    version: int = 0
    received_at: int = 0
    """When the last event was received; never decreases within a stream."""
    last: Change | None = None
    """The latest change."""
    other: Change | None = None
    """The latest change by a device other than that of `last`."""
    open: tuple[int, ...] = ()
    """Sequences of parked operations that nobody has resolved yet."""
    seals: dict[str, tuple[Any, ...]] = {}
    """Fields that the server has sealed, each with the values that devices may still give it."""


ABSENT: Final = State()
"""The state before the first event."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation, validated and timed. `time` is its effective time; `data` is None for a delete."""

    kind: OperationKind
    device: str
    key: str
    time: int
    received_at: int
    data: dict[str, Any] | None = None
    strategy: Strategy = Strategy.LAST_WRITE_WINS
    base_version: int | None = None
    seals: dict[str, tuple[Any, ...]] = {}
    """Fields that it seals, each with the values that others may still give it: only the server's own do."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """A person's resolution of the operation that was parked at sequence `resolves`."""

    choice: Choice
    resolves: int
    parked: Operation
    device: str
    key: str
    time: int
    received_at: int
    data: dict[str, Any] | None = None
    """The merge patch of a `custom` choice."""


class Verdict(msgspec.Struct, frozen=True):
    """What became of an accepted operation."""

    outcome: Outcome
    conflict_type: ConflictType | None = None


class Rejection(msgspec.Struct, frozen=True):
    """Why an operation is not appended; the state stays as it is."""

    code: ErrorCode
    message: str
