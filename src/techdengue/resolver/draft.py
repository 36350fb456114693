"""A state in the making: the joins of resolution.md, on copies that nobody else holds."""

from typing import Any

from techdengue.domain.operation import OperationKind

from .merge_patch import leaves_of
from .model import Change, Leaf, Operation, Settlement, Stamp, State


def first_state(stamp: Stamp, received_at: int, data: dict[str, Any] | None) -> State:
    """What a first create leaves: there is nothing that it could meet."""
    time, device, _ = stamp
    return State(
        leaves=leaves_of(OperationKind.CREATE, data, stamp),
        clock=time,
        sequence=1,
        version=1,
        received_at=received_at,
        last=Change(1, device, time, received_at),
    )


class Draft:
    """Collects what one event assigns, and whether anything of it changed the state."""

    __slots__ = ("_before", "changed", "clock", "cuts", "leaves", "tombstone")

    def __init__(self, before: State) -> None:
        self._before = before
        self.leaves: dict[str, Leaf] = before.leaves.copy()
        self.cuts: dict[str, Stamp] = before.cuts
        self.tombstone = before.tombstone
        self.clock = before.clock
        self.changed = False

    def stamp_after(self, time: int, device: str, key: str) -> Stamp:
        """A stamp at this time, raised to the entity clock + 1 µs where it is not above it already."""
        return (time if time > self.clock else self.clock + 1, device, key)

    def join(self, path: str, value: Any, stamp: Stamp) -> None:
        """Join one assignment: the path keeps the one with the higher stamp."""
        held = self.leaves.get(path)
        if held is None or stamp > held[1]:
            self.put(path, value, stamp)
        elif value.__class__ is not dict and held[0].__class__ is dict:
            self._cut(path, stamp)

    def join_all(self, assigned: dict[str, Leaf], stamp: Stamp) -> None:
        """Join all leaves of an operation, which have this one stamp."""
        if stamp[0] > self.clock and not self.cuts:  # later than all that is held: there is nothing to compare
            self._put_all(assigned, stamp)
        else:
            for path, (value, _) in assigned.items():
                self.join(path, value, stamp)

    def put(self, path: str, value: Any, stamp: Stamp) -> None:
        """Hold a leaf whose stamp is not below the held one's."""
        held = self.leaves.get(path)
        if value.__class__ is not dict:
            if path in self.cuts:
                self.cuts = {at: cut for at, cut in self.cuts.items() if at != path}
        elif held is not None and held[0].__class__ is not dict:
            self._cut(path, held[1])
        self.leaves[path] = (value, stamp)
        self.changed = True
        if stamp[0] > self.clock:
            self.clock = stamp[0]

    def delete(self, stamp: Stamp) -> None:
        """The tombstone takes the higher stamp."""
        if self.tombstone is not None and stamp <= self.tombstone:
            return
        self.tombstone = stamp
        self.changed = True
        if stamp[0] > self.clock:
            self.clock = stamp[0]

    def finish(self, event: Operation | Settlement, opened: tuple[int, ...]) -> State:
        """The state after the event; it takes a sequence, and a version when it changed something."""
        before = self._before
        sequence = before.sequence + 1
        version, last, other = before.version, before.last, before.other
        if self.changed:
            version = sequence
            if last is not None and last.device != event.device:
                other = last
            last = Change(sequence, event.device, event.time, event.received_at)
        return State(
            leaves=self.leaves,
            cuts=self.cuts,
            tombstone=self.tombstone,
            clock=self.clock,
            sequence=sequence,
            version=version,
            received_at=max(before.received_at, event.received_at) if before.sequence else event.received_at,
            last=last,
            other=other,
            open=opened,
            seals=before.seals,
        )

    def _put_all(self, assigned: dict[str, Leaf], stamp: Stamp) -> None:
        for path, leaf in assigned.items():
            if type(leaf[0]) is dict:
                self.put(path, leaf[0], stamp)
            else:
                self.leaves[path] = leaf
        if assigned:
            self.changed = True
            self.clock = stamp[0]

    def _cut(self, path: str, stamp: Stamp) -> None:
        held = self.cuts.get(path)
        if held is None or stamp > held:
            self.cuts = {**self.cuts, path: stamp}
            self.changed = True
