"""Laws of concurrency: last-write-wins is a join (4), a merge loses nothing (5), and it commutes (6)."""

import msgspec
from hypothesis import strategies as st

from techdengue.domain.operation import OperationKind, Strategy
from techdengue.resolver import ABSENT, Operation, State, document
from techdengue.resolver import resolve as ours
from techdengue.resolver.rule_sets import Resolve
from techdengue.testing.operations import NOON, contents, entities
from techdengue.testing.patches import same, same_up_to_array_order
from techdengue.testing.server import Workbench

from .loss import assert_nothing_lost
from .run import run

LATER = NOON + 3_600_000_000
"""When all that was made from NOON on has been made, and the first of it arrives."""


class Concurrent(msgspec.Struct, frozen=True):
    """An entity's states, one per sequence, and operations on the last of them that knew nothing of one another."""

    states: list[State]
    operations: list[Operation]


class Interleaving(msgspec.Struct, frozen=True):
    """Concurrent operations in two orders of arrival, both of which keep each device's own."""

    states: list[State]
    first: list[Operation]
    second: list[Operation]


def check_last_write_wins_is_a_join(*, resolve: Resolve = ours) -> None:
    """Law 4, last-write-wins is a join: concurrent operations end in one state, whatever the interleaving."""
    run(_interleavings(resolve), lambda example: assert_last_write_wins_is_a_join(example, resolve=resolve))


def assert_last_write_wins_is_a_join(example: Interleaving, *, resolve: Resolve = ours) -> None:
    """Law 4 for one pair of interleavings of `last_write_wins` operations, without or with the same `base_version`.

    All effective times are above the entity's clock: a stamp that was once raised above the present is outside
    of the law.
    """
    one = _arrive(example.states, example.first, resolve)
    other = _arrive(example.states, example.second, resolve)
    assert one.leaves == other.leaves
    assert one.cuts == other.cuts
    assert one.tombstone == other.tombstone
    assert same(document(one), document(other))


def check_merge_loses_nothing(*, resolve: Resolve = ours) -> None:
    """Law 5, merge loses nothing: what only one side assigned survives, and so do array items that nobody removed."""
    run(_meetings(resolve), lambda example: assert_merge_loses_nothing(example, resolve=resolve))


def assert_merge_loses_nothing(example: Concurrent, *, resolve: Resolve = ours) -> None:
    """Law 5 for one example: its last operation is a `merge` that has not seen the ones before it."""
    *unseen, merging = example.operations
    workbench = _workbench(example.states, unseen, resolve)
    before = workbench.last("")
    workbench.decide("", merging)
    assert_nothing_lost(example.states[-1], before, workbench.last(""), merging)


def check_merge_commutes(*, resolve: Resolve = ours) -> None:
    """Law 6, merge commutes: two concurrent merges with one base give one document, up to the order of arrays."""
    run(_pairs(resolve), lambda example: assert_merge_commutes(example, resolve=resolve))


def assert_merge_commutes(example: Concurrent, *, resolve: Resolve = ours) -> None:
    """Law 6 for two operations."""
    one = document(_arrive(example.states, example.operations, resolve))
    other = document(_arrive(example.states, example.operations[::-1], resolve))
    assert same_up_to_array_order(one, other), f"{one} in one order, {other} in the other"


def _workbench(states: list[State], operations: list[Operation], resolve: Resolve) -> Workbench:
    workbench = Workbench(resolve)
    workbench.restore("", states)
    for number, operation in enumerate(operations):
        received_at = max(LATER + number, workbench.last("").received_at)
        workbench.decide("", msgspec.structs.replace(operation, received_at=received_at))
    return workbench


def _arrive(states: list[State], operations: list[Operation], resolve: Resolve) -> State:
    return _workbench(states, operations, resolve).last("")


@st.composite
def _starts(draw: st.DrawFn, resolve: Resolve) -> list[State]:
    """The states of an entity that is there, was deleted, or never was."""
    return draw(st.one_of(entities(resolve=resolve), entities(resolve=resolve), st.just([ABSENT])))


@st.composite
def _made(
    draw: st.DrawFn,
    states: list[State],
    device: str,
    strategy: Strategy,
    kinds: tuple[OperationKind, ...],
    base_version: int | None,
    count: int,
) -> list[Operation]:
    """What one device made, each later than the one before; what is not there is created first."""
    made, time = [], NOON
    for number in range(count):
        absent = not number and states[-1].sequence == 0
        kind = OperationKind.CREATE if absent else draw(st.sampled_from(kinds))
        time += draw(st.sampled_from((1, 1, 2, 3, 1_000_000)))
        made.append(
            Operation(
                kind=kind,
                device=device,
                key=f"k{number}",
                time=time,
                received_at=LATER,
                data=draw(contents(kind, document(states[-1]))),
                strategy=strategy,
                base_version=base_version,
            )
        )
    return made


_KINDS = (OperationKind.UPDATE, OperationKind.UPDATE, OperationKind.DELETE, OperationKind.CREATE)


@st.composite
def _interleavings(draw: st.DrawFn, resolve: Resolve) -> Interleaving:
    states = draw(_starts(resolve))
    base_version = draw(st.sampled_from((None, states[-1].version)))
    counts = {device: draw(st.integers(1, 3)) for device in ("d1", "d2", "d3")[: draw(st.integers(2, 3))]}
    made = {
        device: draw(_made(states, device, Strategy.LAST_WRITE_WINS, _KINDS, base_version, count))
        for device, count in counts.items()
    }
    turns = [device for device, count in counts.items() for _ in range(count)]
    orders = [_in_turn(made, draw(st.permutations(turns))) for _ in range(2)]
    return Interleaving(states, *orders)


def _in_turn(made: dict[str, list[Operation]], turns: list[str]) -> list[Operation]:
    left = {device: iter(operations) for device, operations in made.items()}
    return [next(left[device]) for device in turns]


@st.composite
def _meetings(draw: st.DrawFn, resolve: Resolve) -> Concurrent:
    states = draw(_starts(resolve))
    version = states[-1].version
    count = draw(st.integers(1, 3))
    unseen = draw(_made(states, "d1", Strategy.CLIENT_WINS, _KINDS, version, count))
    edits = (OperationKind.UPDATE, OperationKind.UPDATE, OperationKind.CREATE)
    merging = draw(_made(states, "d2", Strategy.MERGE, edits, version, 1))
    return Concurrent(states, unseen + merging)


@st.composite
def _pairs(draw: st.DrawFn, resolve: Resolve) -> Concurrent:
    states = draw(_starts(resolve))
    version = states[-1].version
    sides = [draw(_made(states, device, Strategy.MERGE, _KINDS, version, 1)) for device in ("d1", "d2")]
    return Concurrent(states, [operation for side in sides for operation in side])
