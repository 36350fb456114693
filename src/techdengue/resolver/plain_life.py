"""A plain life: an entity is created, then updated field by field by devices that had seen everything.

Most lives are plain. Of such a one the state is kept laid out as it will be encoded, the document as it will be shown,
and both change in place: nothing is made anew for each event. Whatever is more than that is refused, and left to rule
set 1, with which the accepted rest agrees byte for byte.
"""

from typing import Any

from techdengue.domain.operation import OperationKind

from .codec import encode_state, pack
from .model import NO_CLOCK, Change, Operation, Stamp, State
from .paths import MEMBERS
from .rule_set_1 import missed_a_change

_CREATE = OperationKind.CREATE
_UPDATE = OperationKind.UPDATE
_Laid = dict[str, tuple[Any, ...]]
"""By path (path, index of the stamp, value): the leaves as the codec writes them."""


class PlainLife:
    """The entity after the operations that `apply` accepted. Its fields are a State's; its version is its sequence.

    `document` is what is visible, made of the operations' data, which is used up.
    """

    __slots__ = ("_leaves", "_stamps", "clock", "document", "last", "other", "received_at", "sequence")

    rule_sets = frozenset((1, 2))
    """Those that decide such a life alike."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self.clock = NO_CLOCK
        self.sequence = 0
        self.received_at = 0
        self.last: Change | None = None
        self.other: Change | None = None
        self._leaves: _Laid = {}
        self._stamps: list[Stamp] = []

    def apply(self, operation: Operation) -> bool:
        """Whether the operation is applied, and no more than that. Else the state is as it was; the document is not."""
        data, last = operation.data, self.last
        if data is None or operation.seals or (operation.base_version or 0) > self.sequence:
            return False
        if last is None:
            return self._create(operation, data)
        return self._update(operation, data, last)

    def encode(self) -> bytes:
        """The bytes of the state."""
        if len(self._stamps) > 2:  # stamps are numbered as the leaves name them, which need not be as they came
            return encode_state(self.state())
        at, leaves = self.sequence, list(self._leaves.values())
        return pack(at, at, self.clock, self.received_at, -1, self.last, self.other, (), self._stamps, leaves, {})

    def state(self) -> State:
        """The state, to go on from where the life is no longer plain."""
        return State(
            leaves={path: (value, self._stamps[at]) for path, at, value in self._leaves.values()},
            clock=self.clock,
            sequence=self.sequence,
            version=self.sequence,
            received_at=self.received_at,
            last=self.last,
            other=self.other,
        )

    def _create(self, operation: Operation, data: dict[str, Any]) -> bool:
        leaves: _Laid = {"": ("", 0, {})}
        if operation.kind is not _CREATE or not _lay_out("", data, leaves):
            return False
        self.document, self._leaves = data, leaves
        self._note(operation, operation.time)
        return True

    def _update(self, operation: Operation, data: dict[str, Any], last: Change) -> bool:
        device = operation.device
        assigned: _Laid = {}
        if operation.kind is not _UPDATE or operation.received_at < self.received_at:
            return False
        if missed_a_change(operation, last, self.other):
            return False
        if not _merge("", self.document, data, len(self._stamps), assigned) or not assigned:
            return False
        self._leaves.update(assigned)
        if last.device != device:
            self.other = last
        self._note(operation, max(operation.time, self.clock + 1))
        return True

    def _note(self, operation: Operation, time: int) -> None:
        """`time` is that of the stamp: after the entity clock."""
        device, self.clock, self.received_at = operation.device, time, operation.received_at
        self._stamps.append((time, device, operation.key))
        self.sequence += 1
        self.last = Change(self.sequence, device, operation.time, operation.received_at)


def _lay_out(above: str, data: dict[str, Any], leaves: _Laid) -> bool:
    """The leaves of a create; False where it removes something."""
    members = MEMBERS[above]
    for key, value in data.items():
        path = members[key]
        if value.__class__ is dict and value:
            if not _lay_out(path, value, leaves):
                return False
        elif value is None:
            return False
        else:
            leaves[path] = (path, 0, value)
    return True


def _merge(above: str, shown: dict[str, Any], patch: dict[str, Any], at: int, leaves: _Laid) -> bool:
    """Merge a patch into what is shown, and its leaves into `leaves`; False where it does more than set values.

    Then the order of the members is the leaves' own affair. An empty object is a leaf too, and is left alone.
    """
    members = MEMBERS[above]
    for key, value in patch.items():
        path, held = members[key], shown.get(key)
        if value.__class__ is dict:
            if held is None:
                held = shown[key] = {}
            elif not held or held.__class__ is not dict:
                return False
            if not value or not _merge(path, held, value, at, leaves):
                return False
        elif value is None or held.__class__ is dict:
            return False
        else:
            shown[key] = value
            leaves[path] = (path, at, value)
    return True
