"""Where naive versions of this system went wrong, and the odd-looking rules of resolution.md: one promise each."""

from typing import Any

import pytest

from techdengue.domain.operation import Choice, ConflictType, ErrorCode, OperationKind, Outcome, Strategy
from techdengue.resolver import ClockReading, Rejection, Verdict, effective_time, is_live, resolve
from techdengue.testing.server import Request, Sent, Server
from tests.resolver.story import CREATE, DELETE, UPDATE, Story, outcome

MERGE, MANUAL, LATEST = Strategy.MERGE, Strategy.MANUAL, Strategy.LAST_WRITE_WINS
SECOND = 1_000_000


@pytest.fixture
def story() -> Story:
    told = Story()
    told.tell("d0", CREATE, {"status": "CRIADA", "n": 1}, at=0)
    return told


# Where naive versions went wrong ----------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [1, None])
def test_a_devices_second_offline_edit_does_not_conflict_with_its_own_first_one(story: Story, base: int | None) -> None:
    assert outcome(story.tell("d1", UPDATE, {"n": 2}, at=10, base=base, received=99)) is Outcome.APPLIED
    assert outcome(story.tell("d1", UPDATE, {"n": 3}, at=11, base=base, received=99)) is Outcome.APPLIED
    assert story.document == {"status": "CRIADA", "n": 3}


def test_a_stale_edit_that_is_made_later_does_not_silently_overwrite_what_it_never_saw(story: Story) -> None:
    story.tell("d1", UPDATE, {"status": "CONCLUIDA"}, at=10, base=1)
    verdict = story.tell("d2", UPDATE, {"status": "EM_ANDAMENTO"}, at=500, base=1, strategy=MANUAL)
    assert verdict == Verdict(Outcome.CONFLICT, ConflictType.UPDATE_UPDATE)
    assert story.document == {"status": "CONCLUIDA", "n": 1}


def test_a_merge_does_not_turn_concluida_into_an_earlier_em_andamento(story: Story) -> None:
    story.tell("d1", UPDATE, {"status": "CONCLUIDA"}, at=20, base=1)
    verdict = story.tell("d2", UPDATE, {"status": "EM_ANDAMENTO", "n": 5}, at=10, base=1, strategy=MERGE)
    assert outcome(verdict) is Outcome.MERGED
    assert story.document == {"status": "CONCLUIDA", "n": 5}


def test_a_merge_unites_arrays_of_objects_and_brings_no_removed_item_back() -> None:
    story = Story()
    tanks = [{"id": 1}, {"id": 2}, {"id": 3}]
    story.tell("d0", CREATE, {"tanks": tanks}, at=0)
    story.tell("d1", UPDATE, {"tanks": [{"id": 5}, {"id": 3}, {"id": 1.0}]}, at=10, base=1)
    story.tell("d2", UPDATE, {"tanks": [{"id": 4}, {"id": 2}, {"id": 3}]}, at=11, base=1, strategy=MERGE)
    assert story.document == {"tanks": [{"id": 5}, {"id": 3}, {"id": 4}]}


def test_an_update_of_what_does_not_exist_is_not_a_success() -> None:
    answer = Story().tell("d1", UPDATE, {"n": 1}, at=1)
    assert isinstance(answer, Rejection)
    assert answer.code is ErrorCode.ENTITY_NOT_FOUND


def test_an_operation_that_failed_once_succeeds_under_the_same_key_and_only_once() -> None:
    def request(kind: OperationKind, device: str, key: str) -> Request:
        sent = Sent(entity="e", kind=kind, data={"n": key}, client_time=1, key=key, strategy=LATEST, base_version=None)
        return Request(device=device, operations=(sent,), received_at=1)

    server, early = Server(resolve), request(UPDATE, "d1", "k")
    assert isinstance(server.receive(early)[0].result, Rejection)
    server.receive(request(CREATE, "d2", "j"))
    accepted = server.receive(early)
    assert server.receive(early) == accepted
    assert len(server.log) == 2


# Leaves -----------------------------------------------------------------------------------------------------------


def test_a_scalar_cuts_what_was_below_it_for_ever() -> None:
    story = Story()
    story.tell("d0", CREATE, {"a": {"b": 1}}, at=0)
    story.tell("d0", UPDATE, {"a": 7}, at=10)
    story.tell("d0", UPDATE, {"a": {}}, at=20)
    assert story.document == {"a": {}}
    assert outcome(story.tell("d1", UPDATE, {"a": {"c": 1}}, at=9, received=99)) is Outcome.SERVER_KEPT
    assert story.document == {"a": {}}
    assert outcome(story.tell("d1", UPDATE, {"a": {"c": 2}}, at=15, received=99)) is Outcome.CLIENT_APPLIED
    assert story.document == {"a": {"c": 2}}


def test_a_late_cut_below_an_object_still_hides_what_is_older_than_it() -> None:
    story = Story()
    story.tell("d0", CREATE, {"a": {"b": 1}}, at=0)
    story.tell("d0", UPDATE, {"a": {}}, at=20)
    before = story.version
    story.tell("d1", UPDATE, {"a": 7}, at=10, received=99)
    assert story.document == {"a": {}}
    assert story.version > before


def test_a_scalar_is_hidden_while_something_later_lies_below_it() -> None:
    story = Story()
    story.tell("d0", CREATE, {}, at=0)
    story.tell("d0", UPDATE, {"a": {"b": 1}}, at=20)
    assert outcome(story.tell("d1", UPDATE, {"a": 7}, at=10, received=99)) is Outcome.SERVER_KEPT
    assert story.document == {"a": {"b": 1}}


def test_a_visible_removal_means_that_its_parents_are_objects() -> None:
    story = Story()
    story.tell("d0", CREATE, {"a": 1}, at=0)
    story.tell("d0", UPDATE, {"a": {"b": {"c": None}}}, at=1)
    assert story.document == {"a": {"b": {}}}


def test_keys_that_a_pointer_must_escape_are_keys_like_others() -> None:
    story = Story()
    story.tell("d0", CREATE, {"": {"": 1}, "a/b": 2, "a": {"b": 3}, "~1": 4, "/": 5}, at=0)
    assert story.document == {"": {"": 1}, "a/b": 2, "a": {"b": 3}, "~1": 4, "/": 5}


# Conflicts --------------------------------------------------------------------------------------------------------


def test_a_change_received_when_the_operation_was_made_counts_as_unseen(story: Story) -> None:
    story.tell("d1", UPDATE, {"n": 2}, at=5, received=10)
    assert outcome(story.tell("d2", UPDATE, {"status": "X"}, at=11, received=12)) is Outcome.APPLIED
    again = story.tell("d3", UPDATE, {"status": "Y"}, at=12, received=13)
    assert again == Verdict(Outcome.CLIENT_APPLIED, ConflictType.UPDATE_UPDATE)


def test_a_base_may_be_the_sequence_of_an_event_that_changed_nothing(story: Story) -> None:
    story.tell("d1", UPDATE, {}, at=5)
    assert (story.state.sequence, story.version) == (2, 1)
    assert isinstance(story.tell("d1", UPDATE, {"n": 2}, at=6, base=2), Rejection)
    story.tell("d2", UPDATE, {"n": 2}, at=6, base=1)
    assert outcome(story.tell("d1", UPDATE, {"n": 3}, at=7, base=2)) is Outcome.CLIENT_APPLIED
    assert story.version == 4


def test_what_is_raised_above_the_entity_clock_still_happened_when_it_happened(story: Story) -> None:
    story.tell("d1", UPDATE, {"n": 2}, at=50, base=1)
    story.tell("d2", UPDATE, {"n": 3}, at=10, base=1, strategy=Strategy.CLIENT_WINS)
    assert story.state.clock == 51
    assert story.state.last is not None
    assert story.state.last.time == 10


# Merge ------------------------------------------------------------------------------------------------------------


def test_equal_values_on_both_sides_keep_the_higher_stamp(story: Story) -> None:
    story.tell("d1", UPDATE, {"n": 2}, at=20, base=1)
    verdict = story.tell("d2", UPDATE, {"n": 2.0}, at=30, base=1, strategy=MERGE)
    assert outcome(verdict) is Outcome.CLIENT_APPLIED
    assert story.state.leaves["/n"][1][:2] == (30, "d2")
    assert story.version == 3


@pytest.mark.parametrize(("value", "expected"), [(1, [1]), (1.0, [1]), (True, [1, True]), ("1", [1, "1"])])
def test_items_are_equal_when_their_canonical_json_is(value: object, expected: list[object]) -> None:
    story = Story()
    story.tell("d0", CREATE, {}, at=0)
    story.tell("d1", UPDATE, {"a": [1]}, at=10, base=1)
    story.tell("d2", UPDATE, {"a": [value]}, at=11, base=1, strategy=MERGE)
    found = (story.document or {})["a"]
    assert [(type(item), item) for item in found] == [(type(item), item) for item in expected]


def test_without_a_base_nothing_is_removed_by_inference() -> None:
    story = Story()
    story.tell("d0", CREATE, {"a": [1, 2]}, at=5)
    story.tell("d1", CREATE, {"a": [2, 3]}, at=4, strategy=MERGE)
    assert story.document == {"a": [1, 2, 3]}


def test_an_edit_that_meets_a_deletion_brings_the_entity_back(story: Story) -> None:
    story.tell("d1", DELETE, at=50, base=1)
    verdict = story.tell("d2", UPDATE, {"n": 2}, at=10, base=1, strategy=MERGE)
    assert verdict == Verdict(Outcome.CLIENT_APPLIED, ConflictType.UPDATE_DELETE)
    assert story.document == {"status": "CRIADA", "n": 2}
    assert story.state.leaves[""][1][0] == 51
    assert story.state.leaves["/n"][1][0] == 10


# Manual -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "expected", "stamped"),
    [
        (Choice.CLIENT, {"status": "Y", "n": 9}, "console:ana"),
        (Choice.SERVER, {"status": "X", "n": 1}, "d1"),
        (Choice.MERGE, {"status": "X", "n": 9}, "d1"),
        (Choice.CUSTOM, {"status": "Z", "n": 1}, "console:ana"),
    ],
)
def test_a_conflict_is_settled_in_four_ways_and_once(
    story: Story, choice: Choice, expected: dict[str, Any], stamped: str
) -> None:
    story.tell("d1", UPDATE, {"status": "X"}, at=20, base=1)
    story.tell("d2", UPDATE, {"status": "Y", "n": 9}, at=10, base=1, strategy=MANUAL)
    assert story.state.open == (3,)
    assert story.settle(3, choice, {"status": "Z"}, at=90) == Verdict(Outcome.RESOLVED)
    assert story.document == expected
    assert not story.state.open
    assert story.state.leaves["/status"][1][1] == stamped
    again = story.settle(3, choice, {"status": "Z"}, at=91)
    assert isinstance(again, Rejection)
    assert again.code is ErrorCode.CONFLICT_ALREADY_RESOLVED


def test_operations_that_arrive_while_a_conflict_is_open_are_processed_as_usual(story: Story) -> None:
    story.tell("d1", UPDATE, {"n": 2}, at=20, base=1)
    story.tell("d2", DELETE, at=10, base=1, strategy=MANUAL)
    assert outcome(story.tell("d1", UPDATE, {"n": 3}, at=21, base=2)) is Outcome.APPLIED
    assert story.state.open == (3,)
    story.settle(3, Choice.CLIENT, at=90)
    assert not is_live(story.state)


# Effective time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (ClockReading(client_time=5, received_at=9), (5, False)),
        (ClockReading(client_time=5, received_at=9, offset=2 * SECOND), (5, False)),
        (ClockReading(client_time=5, received_at=9 * SECOND, offset=2 * SECOND + 1), (2 * SECOND + 6, True)),
        (ClockReading(client_time=9 * SECOND, received_at=10 * SECOND, offset=-3 * SECOND), (6 * SECOND, True)),
        (ClockReading(client_time=11 * SECOND, received_at=9 * SECOND), (9 * SECOND, False)),
        (ClockReading(client_time=11 * SECOND + 1, received_at=9 * SECOND), (9 * SECOND, True)),
        (ClockReading(client_time=5, received_at=9, device_clock=5), (6, False)),
        (ClockReading(client_time=5, received_at=9, device_clock=40, base_clock=7), (41, False)),
        (ClockReading(client_time=5, received_at=9, device_clock=2, base_clock=70), (71, False)),
    ],
)
def test_a_time_is_corrected_by_four_rules_in_order(reading: ClockReading, expected: object) -> None:
    assert effective_time(reading) == expected
