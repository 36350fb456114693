"""What a plain life takes, it leaves as the resolver does, byte for byte; what is more than plain it does not take."""

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from techdengue.domain.operation import ConflictType, OperationKind, Outcome, Strategy
from techdengue.resolver import ABSENT, Operation, PlainLife, Rejection, document, encode_state, resolve
from techdengue.testing import History, device_histories, play
from techdengue.testing.documents import documents, merge_patches
from techdengue.testing.operations import NOON, operations

EXAMPLES = settings().max_examples if settings.get_current_profile_name() == "deep" else 250


LATEST_WINS = Strategy.LAST_WRITE_WINS


def operation(number: int, data: dict[str, Any] | None, **changes: Any) -> Operation:
    """A create, then updates that have seen everything."""
    asked = Operation(
        kind=OperationKind.UPDATE if number else OperationKind.CREATE,
        device=f"d{number % 2}",
        key=f"k{number}",
        time=NOON + number,
        received_at=NOON + number,
        data=data,
        base_version=number or None,
    )
    return msgspec.structs.replace(asked, **changes)


def take(life: PlainLife | None, asked: Operation) -> tuple[PlainLife | None, Outcome | None]:
    """Give a life its next operation as it comes from the log; the life, and what became of the operation."""
    data = copy.deepcopy(asked.data)
    if data is None or asked.seals:
        return life, None
    who = asked.device, asked.key, asked.time, asked.received_at, data
    if life is None and asked.kind is OperationKind.CREATE:
        life = PlainLife.begin(*who)
        return life, None if life is None else Outcome.APPLIED
    if life is not None and asked.kind is OperationKind.UPDATE:
        return life, life.update(*who, asked.strategy, asked.base_version)
    return life, None


def assert_as_resolved(asked: list[Operation]) -> int:
    """Hold a life against the resolver up to the first operation that it refuses; how many it took."""
    life: PlainLife | None = None
    state = ABSENT
    for taken, each in enumerate(asked):
        result = resolve(state, each, state)
        life, outcome = take(life, each)
        if life is None or outcome is None:
            assert (ABSENT if life is None else life.state()) == state
            return taken
        assert not isinstance(result, Rejection)
        state, verdict = result
        assert verdict.outcome is outcome
        assert verdict.conflict_type is (None if outcome is Outcome.APPLIED else ConflictType.UPDATE_UPDATE)
        assert (life.state(), life.sequence) == (state, state.version)
        assert life.encode() == encode_state(state)
        assert msgspec.json.encode(life.document) == msgspec.json.encode(document(state))
    return len(asked)


@settings(max_examples=EXAMPLES)
@given(st.lists(st.one_of(documents(), merge_patches()), min_size=1, max_size=5))
@example([{"a": {}}, {"a": {"b": 1}}])
@example([{"a": 0}, {"a": {"b": 1}}])
@example([{"a": {"b": 1}}, {"a": {}}])
@example([{"a": 1, "b": {"c": 1}}, {"d": {"e": {"f": 1}}}, {"d": {"e": {"g": 1}}, "a": 2}])
@example([{"a": 1, "b": 2}, {"b": 3}, {"a": 4}])
@example([{"a": 1}, {"b": {"c": None}}])
def test_creates_and_updates_that_have_seen_everything(contents: list[dict[str, Any]]) -> None:
    assert_as_resolved([operation(number, data) for number, data in enumerate(contents)])


@settings(max_examples=EXAMPLES)
@given(
    operations(kinds=(OperationKind.CREATE,)),
    st.lists(st.tuples(operations(), st.one_of(st.none(), st.integers(0, 6))), max_size=5),
)
def test_operations_of_any_kind_time_and_base(first: Operation, others: list[tuple[Operation, int | None]]) -> None:
    assert_as_resolved([first, *(msgspec.structs.replace(each, base_version=base) for each, base in others)])


@settings(max_examples=EXAMPLES)
@given(device_histories())
def test_histories_of_devices(history: History) -> None:
    asked: dict[str, list[Operation]] = {}
    for attempt in play(history).log:
        if not isinstance(attempt.event, Operation):
            break
        asked.setdefault(attempt.entity, []).append(attempt.event)
    for each in asked.values():
        assert_as_resolved(each)


def test_fields_set_and_added_by_those_who_had_seen_everything_are_plain() -> None:
    contents: list[dict[str, Any]] = [
        {"a": 1, "b": {"c": [1]}},
        {"a": "x"},
        {"b": {"c": [2], "d": True}},
        {"e": {"f": {"g": 1}}},
    ]
    assert assert_as_resolved([operation(number, data) for number, data in enumerate(contents)]) == len(contents)


def test_a_conflict_that_an_update_wins_with_every_field_is_plain() -> None:
    asked = [
        operation(0, {"a": 1, "b": {"c": 1, "d": 1}}),
        operation(1, {"a": 2, "b": {"c": 2}}),
        operation(2, {"a": 3, "b": {"c": 3, "e": 3}}, base_version=1),
        operation(3, {"b": {"d": 4}}, base_version=1),
        operation(4, {"a": 5}),
    ]
    assert assert_as_resolved(asked) == len(asked)
    asked[3] = operation(3, {"a": 4, "b": {"d": 4}}, base_version=1, time=NOON + 1)
    assert assert_as_resolved(asked) == 3


@pytest.mark.parametrize(
    "later",
    [
        operation(1, {"a": None}),
        operation(1, {"a": {"x": 1}}),
        operation(1, {"b": 1}),
        operation(1, {"e": {"x": 1}}),
        operation(1, {"f": {}}),
        operation(1, {}),
        operation(1, None, kind=OperationKind.DELETE),
        operation(1, {"a": 2}, kind=OperationKind.CREATE),
        operation(1, {"a": 2}, base_version=2),
        operation(1, {"a": 2}, base_version=0, time=NOON - 1),
        operation(1, {"a": 2}, base_version=None, time=NOON - 1),
        operation(1, {"a": 2}, base_version=0, time=NOON, device="d"),
        *(operation(1, {"a": 2}, base_version=0, strategy=each) for each in Strategy if each is not LATEST_WINS),
        operation(1, {"a": 2}, received_at=NOON - 1),
    ],
)
def test_what_is_more_than_plain_is_refused(later: Operation) -> None:
    assert assert_as_resolved([operation(0, {"a": 1, "b": {"c": 1}, "e": {}}), later]) == 1


@pytest.mark.parametrize("first", [operation(0, {"a": None}), operation(1, {"a": 1}, base_version=None)])
def test_a_life_begins_with_a_create_that_removes_nothing(first: Operation) -> None:
    assert assert_as_resolved([first]) == 0
