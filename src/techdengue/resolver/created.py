"""A first create: all that there is to an entity until its second event.

Most entities meet no second event, or meet it in a later batch: their leaves are laid out when someone asks for them.
"""

from typing import Any, ClassVar, Final

import msgspec

from techdengue.domain.operation import OperationKind, Outcome

from .draft import first_state
from .model import Operation, Rejection, Stamp, State, Verdict
from .rule_sets import resolve

_APPLIED: Final = Verdict(Outcome.APPLIED)


class Created(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The entity after a first create. Encoded as it stands, it is what the codec writes of such a state."""

    stamp: Stamp
    received_at: int
    data: dict[str, Any]

    sequence: ClassVar[int] = 1
    version: ClassVar[int] = 1

    def state(self) -> State:
        """The state, as `resolve` leaves it."""
        return first_state(self.stamp, self.received_at, self.data)


def resolve_lazily(
    state: State, operation: Operation, base: State | None = None
) -> tuple[State | Created, Verdict] | Rejection:
    """As `resolve` of the current rule set, which always applies a first create; but its state is not made yet."""
    if state.sequence or operation.kind is not OperationKind.CREATE or operation.base_version or operation.seals:
        return resolve(state, operation, base)
    stamp = (operation.time, operation.device, operation.key)
    return Created(stamp, operation.received_at, operation.data or {}), _APPLIED
