"""Rule set 1: `resolve`, exactly as docs/resolution.md tells it."""

from typing import Any, Final, assert_never

from techdengue.domain.operation import (
    Choice,
    ConflictType,
    ErrorCode,
    OperationKind,
    Outcome,
    Strategy,
)

from .document import document, is_live, shown
from .draft import Draft, first_state
from .equality import equal
from .merge_patch import assignments, leaves_of
from .model import ABSENT, Change, Operation, Rejection, Settlement, Stamp, State, Verdict
from .three_way import merge_edit

# An enum is slow to ask for its members, and these are asked of every operation.
_CREATE: Final = OperationKind.CREATE
_UPDATE: Final = OperationKind.UPDATE
_DELETE: Final = OperationKind.DELETE

_APPLIED = Verdict(Outcome.APPLIED)
_NO_CHANGE = Verdict(Outcome.NO_CHANGE)
_RESOLVED = Verdict(Outcome.RESOLVED)


def resolve(
    state: State, event: Operation | Settlement, base: State | None = None
) -> tuple[State, Verdict] | Rejection:
    """What one operation, or one person's settlement, does to one entity.

    `base` is the state at the operation's `base_version` (of a settlement: its parked operation's); needed where
    that is below the current version and the strategy is `merge`. Raises ValueError when it is missing then.
    """
    if isinstance(event, Settlement):
        return _settle(state, event, base)
    return _operate(state, event, base)


def _operate(state: State, operation: Operation, base: State | None) -> tuple[State, Verdict] | Rejection:
    kind = operation.kind
    if state.version == 0 and kind is not _CREATE:
        return Rejection(ErrorCode.ENTITY_NOT_FOUND, "there is no such entity: create it first")
    if operation.base_version is not None and operation.base_version > state.version:
        return Rejection(
            ErrorCode.UNKNOWN_BASE_VERSION,
            f"base_version {operation.base_version} is above the entity's version {state.version}",
        )
    if state.sequence == 0:
        stamp = (operation.time, operation.device, operation.key)
        return first_state(stamp, operation.received_at, operation.data), _APPLIED
    draft = Draft(state)
    if kind is _UPDATE and not operation.data:
        return draft.finish(operation, state.open), _NO_CHANGE
    conflict = _conflict(state, operation)
    if conflict is None:
        if kind is _DELETE and not is_live(state):
            draft.delete((operation.time, operation.device, operation.key))
            return draft.finish(operation, state.open), _NO_CHANGE
        _apply(draft, operation, kind, operation.data)
        return draft.finish(operation, state.open), _APPLIED
    if operation.strategy is Strategy.MANUAL:
        parked = draft.finish(operation, (*state.open, state.sequence + 1))
        return parked, Verdict(Outcome.CONFLICT, conflict)
    _contend(draft, state, operation, base)
    after = draft.finish(operation, state.open)
    return after, Verdict(_outcome(state, after, operation), conflict)


def _conflict(state: State, operation: Operation) -> ConflictType | None:
    if state.version == 0:
        return None
    match operation.kind:
        case OperationKind.CREATE:
            return ConflictType.CREATE_CREATE
        case OperationKind.UPDATE:
            if not is_live(state):
                return ConflictType.UPDATE_DELETE
            return ConflictType.UPDATE_UPDATE if _missed(state, operation) else None
        case OperationKind.DELETE:
            if is_live(state) and _missed(state, operation):
                return ConflictType.DELETE_UPDATE
            return None
        case _:
            assert_never(operation.kind)


def _missed(state: State, operation: Operation) -> bool:
    return missed_a_change(operation.device, operation.time, operation.base_version, state.last, state.other)


def missed_a_change(
    device: str, time: int, base_version: int | None, last: Change | None, other: Change | None
) -> bool:
    """Whether another device made a change that the author of this device's operation could not know.

    `last` is the entity's latest change, `other` the latest by a device other than that of `last`.
    """
    change = other if last is not None and last.device == device else last
    if change is None:
        return False
    if base_version is not None:
        return change.sequence > base_version
    return change.received_at >= time or change.time >= time


def _apply(draft: Draft, event: Operation | Settlement, kind: OperationKind, data: dict[str, Any] | None) -> None:
    """Join all leaves, or of a delete the tombstone, after the entity clock."""
    _join(draft, kind, data, draft.stamp_after(event.time, event.device, event.key))


def _join(draft: Draft, kind: OperationKind, data: dict[str, Any] | None, stamp: Stamp) -> None:
    if kind is _DELETE:
        draft.delete(stamp)
    else:
        draft.join_all(leaves_of(kind, data, stamp), stamp)


def _contend(draft: Draft, state: State, operation: Operation, base: State | None) -> None:
    """Settle a conflict by the operation's own strategy; `manual` has been parked before."""
    match operation.strategy:
        case Strategy.CLIENT_WINS:
            _apply(draft, operation, operation.kind, operation.data)
        case Strategy.LAST_WRITE_WINS:
            _join(draft, operation.kind, operation.data, (operation.time, operation.device, operation.key))
        case Strategy.MERGE:
            _merge(draft, state, operation, base)
        case Strategy.SERVER_WINS | Strategy.MANUAL:
            pass  # nothing changes
        case _:
            assert_never(operation.strategy)


def _merge(draft: Draft, state: State, operation: Operation, base: State | None) -> None:
    if operation.kind is _DELETE:
        return  # a deletion yields to the unseen edit
    stamp = (operation.time, operation.device, operation.key)
    assigned = assignments(operation.kind, operation.data)
    merge_edit(draft, state, assigned, stamp, _base_state(state, operation.base_version, base))


def _base_state(state: State, base_version: int | None, base: State | None) -> State | None:
    if base_version is None:
        return None
    if base_version == 0:
        return ABSENT
    if base_version == state.version:
        return state
    if base is None:
        raise ValueError(f"merge with base_version {base_version} needs the state at that version")
    return base


def _outcome(before: State, after: State, operation: Operation) -> Outcome:
    """What of the operation is visible now; a create's root counts only where it is the only leaf.

    Where no leaf shows the operation's own value, a document that changed all the same holds some of each: the
    union of two arrays, or an entity that a merge brought back.
    """
    if operation.kind is _DELETE:
        return Outcome.SERVER_KEPT if is_live(after) else Outcome.CLIENT_APPLIED
    visible = shown(after, assignments(operation.kind, operation.data))
    if operation.kind is _CREATE and len(visible) > 1:
        del visible[0]  # the root
    if all(visible):
        return Outcome.CLIENT_APPLIED
    if any(visible) or (after.version == after.sequence and not equal(document(after), document(before))):
        return Outcome.MERGED
    return Outcome.SERVER_KEPT


def _settle(state: State, settlement: Settlement, base: State | None) -> tuple[State, Verdict] | Rejection:
    if settlement.resolves not in state.open:
        return Rejection(ErrorCode.CONFLICT_ALREADY_RESOLVED, "this conflict has been settled already")
    draft = Draft(state)
    parked = settlement.parked
    match settlement.choice:
        case Choice.CLIENT:
            _apply(draft, settlement, parked.kind, parked.data)
        case Choice.MERGE:
            _merge(draft, state, parked, base)
        case Choice.CUSTOM:
            _apply(draft, settlement, _UPDATE, settlement.data)
        case Choice.SERVER:
            pass  # the parked operation is dropped
        case _:
            assert_never(settlement.choice)
    still_open = tuple(sequence for sequence in state.open if sequence != settlement.resolves)
    return draft.finish(settlement, still_open), _RESOLVED
