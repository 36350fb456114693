"""A plain life: an entity is created, then updated field by field, and every update takes effect whole.

Most lives are plain. Of such a one the state is kept laid out as it will be encoded, the document as it will be shown,
and both change in place: nothing is made anew for each event. Whatever is more than that is refused, and left to rule
set 1, with which the accepted rest agrees byte for byte.
"""

from typing import Any

from techdengue.domain.operation import Outcome, Strategy

from .codec import encode_created, pack
from .created import Created
from .model import Change, Stamp, State
from .paths import MEMBERS
from .rule_set_1 import missed_a_change

_Laid = dict[str, tuple[str, int, Any]]
"""By path (path, index of the stamp, value): the leaves as the codec writes them."""


class PlainLife:
    """The entity after what was accepted. Its fields are a State's; its version is its sequence.

    `document` is what is visible, made of the operations' data, which is used up.
    """

    __slots__ = ("_leaves", "_stamps", "clock", "document", "last", "other", "received_at", "sequence")

    rule_sets = frozenset((1, 2))
    """Those that decide such a life alike."""

    def __init__(self, stamp: Stamp, received_at: int, document: dict[str, Any], leaves: _Laid) -> None:
        """After a create."""
        self.clock, device, _ = stamp
        self.sequence = 1
        self.received_at = received_at
        self.last = Change(1, device, self.clock, received_at)
        self.other: Change | None = None
        self.document = document
        self._leaves = leaves
        self._stamps = [stamp]

    @classmethod
    def begin(cls, device: str, key: str, time: int, received_at: int, data: dict[str, Any]) -> "PlainLife | None":
        """What a first create leaves; None where it is more than plain. Arguments: an Operation's."""
        leaves: _Laid = {"": ("", 0, {})}
        if not _lay_out("", data, leaves):
            return None
        return cls((time, device, key), received_at, data, leaves)

    def update(
        self,
        device: str,
        key: str,
        time: int,
        received_at: int,
        data: dict[str, Any],
        strategy: Strategy,
        base_version: int | None,
    ) -> Outcome | None:
        """What becomes of an update that takes effect whole: `applied`, or in a conflict `client_applied`.

        None where it is more than plain; then the state is as it was, the document is not. Arguments: an Operation's.
        """
        last, at = self.last, self.sequence
        if received_at < self.received_at or (base_version or 0) > at:
            return None
        assigned: _Laid = {}
        if not _merge("", self.document, data, len(self._stamps), assigned) or not assigned:
            return None
        stamp, outcome = (max(time, self.clock + 1), device, key), Outcome.APPLIED
        if base_version != at and missed_a_change(device, time, base_version, last, self.other):
            stamp, outcome = (time, device, key), Outcome.CLIENT_APPLIED
            if strategy is not Strategy.LAST_WRITE_WINS or not self._wins(stamp, assigned):
                return None
        if last.device != device:
            self.other = last
        self._leaves.update(assigned)
        self._stamps.append(stamp)
        self.clock = max(self.clock, stamp[0])
        self.sequence = at = at + 1
        self.received_at = received_at
        self.last = Change(at, device, time, received_at)
        return outcome

    def encode(self) -> bytes:
        """The bytes of the state."""
        if self.sequence == 1:
            return encode_created(Created(self._stamps[0], self.received_at, self.document))
        at, stamps, leaves = self.sequence, self._stamps, list(self._leaves.values())
        if len(stamps) > 2:  # two are numbered as they came: the root has the first, the last update's leaves the other
            stamps, leaves = _renumbered(stamps, leaves)
        return pack(at, at, self.clock, self.received_at, -1, self.last, self.other, (), stamps, leaves, {})

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

    def _wins(self, stamp: Stamp, assigned: _Laid) -> bool:
        """Whether the stamp, a new one, is above that of each leaf that is assigned."""
        leaves, stamps = self._leaves, self._stamps
        return stamp not in stamps and all(stamp > stamps[leaves[path][1]] for path in assigned if path in leaves)


_Leaves = list[tuple[str, int, Any]]


def _renumbered(stamps: list[Stamp], leaves: _Leaves) -> tuple[list[Stamp], _Leaves]:
    """The stamps that leaves have, in the order in which they name them; and the leaves, which name them so."""
    order = list(dict.fromkeys(at for _, at, _ in leaves))
    places = {at: place for place, at in enumerate(order)}
    return [stamps[at] for at in order], [(path, places[at], value) for path, at, value in leaves]


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
