"""Laws of the verdict: what the strategies without a merge leave (7), and when there is a conflict at all (8)."""

import msgspec
from hypothesis import strategies as st

from techdengue.domain.operation import OperationKind, Outcome, Strategy
from techdengue.resolver import Operation, Rejection, State, assignments, document, is_live
from techdengue.resolver import resolve as ours
from techdengue.resolver.rule_sets import Resolve
from techdengue.testing.histories import History, device_histories
from techdengue.testing.operations import entities, operations
from techdengue.testing.patches import apply_patch, same
from techdengue.testing.play import play
from techdengue.testing.server import Attempt, Workbench

from .run import run

_SIMPLE = (Strategy.CLIENT_WINS, Strategy.SERVER_WINS, Strategy.MANUAL)


def check_the_other_three(*, resolve: Resolve = ours) -> None:
    """Law 7, the other three: the patch holds; nothing changed; nothing changed and one conflict opened."""
    run(_conflicts(resolve), lambda example: assert_the_other_three(*example, resolve=resolve))


def assert_the_other_three(states: list[State], operation: Operation, *, resolve: Resolve = ours) -> None:
    """Law 7 for one operation on the last of an entity's states. Without a conflict the law says nothing."""
    workbench = Workbench(resolve)
    workbench.restore("", states)
    result = workbench.decide("", operation).result
    if isinstance(result, Rejection) or result[1].conflict_type is None:
        return
    before, (after, verdict) = states[-1], result
    match operation.strategy:
        case Strategy.CLIENT_WINS:
            assert verdict.outcome is Outcome.CLIENT_APPLIED
            _assert_patch_holds(before, after, operation)
        case Strategy.SERVER_WINS:
            assert verdict.outcome in (Outcome.SERVER_KEPT, Outcome.MERGED, Outcome.CLIENT_APPLIED)
            _assert_unchanged(before, after)
            assert after.open == before.open
        case Strategy.MANUAL:
            assert verdict.outcome is Outcome.CONFLICT
            _assert_unchanged(before, after)
            assert sorted(after.open) == sorted((*before.open, before.sequence + 1))
        case other:
            raise ValueError(f"law 7 does not speak of {other}")


def _assert_patch_holds(before: State, after: State, operation: Operation) -> None:
    if operation.kind is OperationKind.DELETE:
        assert document(after) is None
        return
    found = document(after)
    assert found is not None
    assert same(apply_patch(found, operation.data), found), f"{operation.data} does not hold in {found}"
    if is_live(before):
        assert same(found, apply_patch(document(before), operation.data))


def _assert_unchanged(before: State, after: State) -> None:
    assert (after.leaves, after.cuts, after.tombstone) == (before.leaves, before.cuts, before.tombstone)
    assert after.version == before.version
    assert same(document(after), document(before))


@st.composite
def _conflicts(draw: st.DrawFn, resolve: Resolve) -> tuple[list[State], Operation]:
    states = draw(entities(resolve=resolve))
    base_version = draw(st.one_of(st.none(), st.integers(0, states[-1].version)))
    whole = document(states[-1])
    operation = draw(operations(strategies=_SIMPLE, document=whole, base_version=base_version))
    return states, operation


def check_soundness(*, resolve: Resolve = ours) -> None:
    """Law 8, soundness: an operation with a base conflicts exactly when it missed another device's change."""
    run(device_histories(), lambda example: assert_soundness(example, resolve=resolve))


def assert_soundness(history: History, *, resolve: Resolve = ours) -> None:
    """Law 8 for one history, by its own book of who changed what.

    It speaks of live entities: a create on one always conflicts; what a deleted one answers is the table's.
    """
    changes: dict[str, list[tuple[int, str]]] = {}
    for attempt in play(history, resolve=resolve).log:
        book = changes.setdefault(attempt.entity, [])
        if isinstance(attempt.event, Operation) and is_live(attempt.before):
            _assert_sound(attempt, attempt.event, book)
        if not isinstance(attempt.result, Rejection):
            after = attempt.result[0]
            if _content(after) != _content(attempt.before):
                book.append((after.sequence, attempt.event.device))
            assert after.version == (book[-1][0] if book else 0)


def _assert_sound(attempt: Attempt, operation: Operation, book: list[tuple[int, str]]) -> None:
    conflicts = attempt.verdict.conflict_type is not None
    if operation.kind is OperationKind.CREATE:
        assert conflicts, "a create of a live entity conflicts"
    elif operation.kind is OperationKind.UPDATE and not assignments(operation.kind, operation.data):
        assert not conflicts, "an update that assigns nothing conflicts with nothing"
    elif (known := operation.base_version) is not None:
        missed = any(sequence > known and device != operation.device for sequence, device in book)
        assert conflicts == missed, f"missed: {missed}, but {attempt.verdict}"
        if known == attempt.before.version:
            assert not conflicts, "an operation based on the current version conflicts with nothing"


def _content(state: State) -> msgspec.Struct:
    """What a version stands for, as something to compare: leaves, cuts and tombstone."""
    return State(leaves=state.leaves, cuts=state.cuts, tombstone=state.tombstone)
