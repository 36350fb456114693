"""Rule set 2: rule set 1, and what the server has sealed holds (docs/resolution.md, "Seals").

A seal is on a field of the document, put there by an operation of the server that gives the field its value: nobody
else's operation changes it any more, whatever its strategy, base or time, but to one of the values that the seal lets
through. What is barred is left out before rule set 1 sees the operation; the rest of it is decided as ever.
"""

from typing import Any, Final

import msgspec

from techdengue.domain.operation import ConflictType, Outcome

from . import rule_set_1
from .document import is_live
from .equality import equal
from .model import REMOVED, Operation, Rejection, Settlement, State, Verdict
from .paths import MEMBERS

_NO_SEALS: Final[dict[str, tuple[Any, ...]]] = {}
_NOT_ALL_OF_IT: Final = frozenset({Outcome.APPLIED, Outcome.CLIENT_APPLIED})


def resolve(
    state: State, event: Operation | Settlement, base: State | None = None
) -> tuple[State, Verdict] | Rejection:
    """What one operation, or one person's settlement, does to one entity. Arguments and errors: rule set 1's."""
    if isinstance(event, Operation) and event.seals:
        return _seal(state, event, base)
    if not state.seals:
        return rule_set_1.resolve(state, event, base)
    if isinstance(event, Settlement):
        return rule_set_1.resolve(state, _without_barred(state, event), base)
    return _operate(state, event, base)


def barred(state: State, patch: dict[str, Any] | None) -> tuple[str, ...]:
    """The fields of a merge patch that a seal keeps as they are."""
    if not state.seals or patch is None:
        return ()
    return tuple(name for name, value in patch.items() if _is_barred(state, name, value))


def _seal(state: State, event: Operation, base: State | None) -> tuple[State, Verdict] | Rejection:
    unsealed = msgspec.structs.replace(state, seals=_NO_SEALS)
    result = rule_set_1.resolve(unsealed, event, base)
    if isinstance(result, Rejection):
        return result
    after, verdict = result
    return msgspec.structs.replace(after, seals={**state.seals, **event.seals}), verdict


def _operate(state: State, operation: Operation, base: State | None) -> tuple[State, Verdict] | Rejection:
    left = _open_part(state, operation.data)
    if left is operation.data:
        return rule_set_1.resolve(state, operation, base)
    result = rule_set_1.resolve(state, msgspec.structs.replace(operation, data=left), base)
    if isinstance(result, Rejection) or not barred(state, operation.data):
        return result
    after, verdict = result
    return after, _told(state, verdict)


def _told(state: State, verdict: Verdict) -> Verdict:
    """The verdict on an operation of which something was barred: it conflicts with what the server holds."""
    conflict = verdict.conflict_type or (ConflictType.UPDATE_UPDATE if is_live(state) else ConflictType.UPDATE_DELETE)
    if verdict.outcome in _NOT_ALL_OF_IT:
        return Verdict(Outcome.MERGED, conflict)
    if verdict.outcome is Outcome.NO_CHANGE:
        return Verdict(Outcome.SERVER_KEPT, conflict)
    return Verdict(verdict.outcome, conflict)


def _without_barred(state: State, settlement: Settlement) -> Settlement:
    parked = settlement.parked
    return msgspec.structs.replace(
        settlement,
        data=_open_part(state, settlement.data),
        parked=msgspec.structs.replace(parked, data=_open_part(state, parked.data)),
    )


def _open_part(state: State, patch: dict[str, Any] | None) -> dict[str, Any] | None:
    """The patch without its sealed fields, those of the sealed value too: there is nothing to do for them."""
    if patch is None or state.seals.keys().isdisjoint(patch):
        return patch
    return {name: value for name, value in patch.items() if not _is_closed(state, name, value)}


def _is_closed(state: State, name: str, value: Any) -> bool:
    return name in state.seals and value not in state.seals[name]


def _is_barred(state: State, name: str, value: Any) -> bool:
    if not _is_closed(state, name, value):
        return False
    held = state.leaves.get(MEMBERS[""][name])
    return held is None or not equal(held[0], REMOVED if value is None else value)
