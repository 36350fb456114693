"""The tables of resolution.md, row by row: what an entity and an operation make under each strategy.

The entity: d1 creates `{a: 1, b: 1}` at 0 (version 1), d2 sets `a: 2` at 20 (2), and may delete it at 28 (3).
"""

from typing import Any

import pytest

from techdengue.domain.operation import ConflictType, ErrorCode, OperationKind, Outcome, Strategy
from techdengue.resolver import Rejection, Verdict, is_live
from tests.resolver.story import CREATE, DELETE, UPDATE, Story, outcome

CLIENT, SERVER, LATEST, MERGE, MANUAL = (
    Strategy.CLIENT_WINS,
    Strategy.SERVER_WINS,
    Strategy.LAST_WRITE_WINS,
    Strategy.MERGE,
    Strategy.MANUAL,
)
APPLIED, TAKEN, MERGED, KEPT, NOTHING, PARKED = (
    Outcome.APPLIED,
    Outcome.CLIENT_APPLIED,
    Outcome.MERGED,
    Outcome.SERVER_KEPT,
    Outcome.NO_CHANGE,
    Outcome.CONFLICT,
)
CREATE_CREATE, UPDATE_UPDATE, UPDATE_DELETE, DELETE_UPDATE = ConflictType

A, A_AND_C = {"a": 3}, {"a": 3, "c": 1}


def entity(which: str) -> Story:
    story = Story()
    if which != "absent":
        story.tell("d1", CREATE, {"a": 1, "b": 1}, at=0)
        story.tell("d2", UPDATE, {"a": 2}, at=20, base=1)
    if which == "deleted":
        story.tell("d2", DELETE, at=28, base=2)
    return story


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize(
    ("which", "kind", "data", "base", "expected"),
    [
        ("absent", CREATE, A, None, APPLIED),
        ("absent", CREATE, {}, 0, APPLIED),
        ("absent", CREATE, A, 1, ErrorCode.UNKNOWN_BASE_VERSION),
        ("absent", UPDATE, A, None, ErrorCode.ENTITY_NOT_FOUND),
        ("absent", UPDATE, {}, None, ErrorCode.ENTITY_NOT_FOUND),
        ("absent", UPDATE, A, 7, ErrorCode.ENTITY_NOT_FOUND),
        ("absent", DELETE, None, None, ErrorCode.ENTITY_NOT_FOUND),
        ("live", UPDATE, A, 2, APPLIED),
        ("live", DELETE, None, 2, APPLIED),
        ("live", UPDATE, A, None, APPLIED),
        ("live", DELETE, None, None, APPLIED),
        ("live", UPDATE, {}, 1, NOTHING),
        ("live", UPDATE, A, 3, ErrorCode.UNKNOWN_BASE_VERSION),
        ("live", UPDATE, {}, 3, ErrorCode.UNKNOWN_BASE_VERSION),
        ("live", CREATE, A, 3, ErrorCode.UNKNOWN_BASE_VERSION),
        ("deleted", UPDATE, {}, None, NOTHING),
        ("deleted", DELETE, None, None, NOTHING),
        ("deleted", DELETE, None, 3, NOTHING),
        ("deleted", DELETE, None, 4, ErrorCode.UNKNOWN_BASE_VERSION),
    ],
)
def test_without_a_conflict_the_strategy_does_not_matter(
    which: str,
    kind: OperationKind,
    data: dict[str, Any] | None,
    base: int | None,
    expected: Outcome | ErrorCode,
    strategy: Strategy,
) -> None:
    answer = entity(which).tell("d3", kind, data, at=30, base=base, strategy=strategy)
    match answer:
        case Verdict(outcome, conflict_type):
            assert (outcome, conflict_type) == (expected, None)
        case Rejection(code):
            assert code is expected


@pytest.mark.parametrize(
    ("which", "kind", "data", "at", "conflict", "by_strategy"),
    [
        # A create meets what is there, or was; without a base, all that the server holds counts as assigned.
        ("live", CREATE, A, 30, CREATE_CREATE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: TAKEN, MERGE: TAKEN}),
        ("live", CREATE, A, 10, CREATE_CREATE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: KEPT, MERGE: KEPT}),
        ("live", CREATE, A_AND_C, 10, CREATE_CREATE, {LATEST: MERGED, MERGE: MERGED}),
        ("live", CREATE, {"b": 1}, 10, CREATE_CREATE, {SERVER: TAKEN, LATEST: TAKEN, MERGE: TAKEN}),
        ("live", CREATE, {}, 10, CREATE_CREATE, {CLIENT: TAKEN, SERVER: TAKEN, LATEST: TAKEN, MERGE: TAKEN}),
        ("deleted", CREATE, A, 30, CREATE_CREATE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: TAKEN, MERGE: TAKEN}),
        ("deleted", CREATE, A, 25, CREATE_CREATE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: KEPT, MERGE: TAKEN}),
        ("deleted", CREATE, {}, 25, CREATE_CREATE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: KEPT, MERGE: TAKEN}),
        # An update that has not seen d2's.
        ("live", UPDATE, A, 30, UPDATE_UPDATE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: TAKEN, MERGE: TAKEN}),
        ("live", UPDATE, A, 10, UPDATE_UPDATE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: KEPT, MERGE: KEPT}),
        ("live", UPDATE, A_AND_C, 10, UPDATE_UPDATE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: MERGED, MERGE: MERGED}),
        ("live", UPDATE, {"a": 2.0}, 10, UPDATE_UPDATE, {CLIENT: TAKEN, SERVER: TAKEN, LATEST: TAKEN, MERGE: TAKEN}),
        ("live", UPDATE, {"z": None}, 10, UPDATE_UPDATE, {CLIENT: TAKEN, SERVER: TAKEN, LATEST: TAKEN, MERGE: TAKEN}),
        ("live", UPDATE, {"a": {}}, 10, UPDATE_UPDATE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: KEPT, MERGE: KEPT}),
        # An update of what d2 deleted.
        ("deleted", UPDATE, A, 30, UPDATE_DELETE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: TAKEN, MERGE: TAKEN}),
        ("deleted", UPDATE, A, 25, UPDATE_DELETE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: KEPT, MERGE: TAKEN}),
        ("deleted", UPDATE, A_AND_C, 10, UPDATE_DELETE, {CLIENT: TAKEN, LATEST: KEPT, MERGE: MERGED}),
        ("deleted", UPDATE, {"z": None}, 25, UPDATE_DELETE, {SERVER: KEPT, LATEST: KEPT, MERGE: TAKEN}),
        # A deletion that has not seen d2's update: a merge yields.
        ("live", DELETE, None, 30, DELETE_UPDATE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: TAKEN, MERGE: KEPT}),
        ("live", DELETE, None, 10, DELETE_UPDATE, {CLIENT: TAKEN, SERVER: KEPT, LATEST: KEPT, MERGE: KEPT}),
    ],
)
def test_with_a_conflict_the_strategy_decides(
    which: str,
    kind: OperationKind,
    data: dict[str, Any] | None,
    at: int,
    conflict: ConflictType,
    by_strategy: dict[Strategy, Outcome],
) -> None:
    base = None if kind is CREATE else 1
    for strategy, expected in {**by_strategy, MANUAL: PARKED}.items():
        answer = entity(which).tell("d3", kind, data, at=at, base=base, strategy=strategy)
        assert answer == Verdict(expected, conflict), strategy


@pytest.mark.parametrize(("at", "version"), [(27, 3), (29, 4)])
def test_deleting_twice_changes_nothing_but_a_later_tombstone(at: int, version: int) -> None:
    story = entity("deleted")
    assert outcome(story.tell("d3", DELETE, at=at)) is NOTHING
    assert story.state.sequence == 4
    assert story.version == version
    assert story.state.tombstone is not None
    assert story.state.tombstone[0] == max(28, at)
    assert not is_live(story.state)


def test_a_union_of_arrays_is_merged_though_it_equals_neither_side() -> None:
    story = Story()
    story.tell("d1", CREATE, {"a": []}, at=0)
    story.tell("d2", UPDATE, {"a": [1]}, at=20, base=1)
    assert outcome(story.tell("d3", UPDATE, {"a": [2]}, at=10, base=1, strategy=MERGE)) is MERGED
    assert story.document == {"a": [1, 2]}
