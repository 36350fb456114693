"""Laws of the log: its leaves are RFC 7396 (0), it replays to what is stored (1), and to what was stored then (10)."""

from typing import Any

from hypothesis import strategies as st

from techdengue.domain.operation import OperationKind
from techdengue.resolver import Operation, Rejection, document, encode_state
from techdengue.resolver import resolve as ours
from techdengue.resolver.rule_sets import Resolve
from techdengue.testing.documents import merge_patches
from techdengue.testing.histories import History, device_histories
from techdengue.testing.operations import NOON
from techdengue.testing.patches import apply_patch, same
from techdengue.testing.play import fold, play
from techdengue.testing.server import Server, Workbench

from .run import run


def check_leaves_are_merge_patches(*, resolve: Resolve = ours) -> None:
    """Law 0, leaves are RFC 7396: operations applied one after another are merge patches applied one after another."""
    patches = st.lists(merge_patches(), min_size=1, max_size=6)
    run(patches, lambda example: assert_leaves_are_merge_patches(example, resolve=resolve))


def assert_leaves_are_merge_patches(patches: list[dict[str, Any]], *, resolve: Resolve = ours) -> None:
    """Law 0 for one list of patches, the first of which creates the entity."""
    workbench = Workbench(resolve)
    expected: dict[str, Any] = {}
    for number, patch in enumerate(patches):
        expected = apply_patch(expected, patch)
        operation = Operation(
            kind=OperationKind.UPDATE if number else OperationKind.CREATE,
            device="d1",
            key=str(number),
            time=NOON + number,
            received_at=NOON + number,
            data=patch,
        )
        workbench.decide("", operation)
        found = document(workbench.last(""))
        assert same(found, expected), f"after {patches[: number + 1]}: {found}, not {expected}"


def check_replay(*, resolve: Resolve = ours) -> None:
    """Law 1, replay: folding the resolver over the log gives the stored states and outcomes, byte for byte."""
    run(device_histories(), lambda example: assert_replay(example, resolve=resolve))


def assert_replay(history: History, *, resolve: Resolve = ours) -> None:
    """Law 1 for one history."""
    played = play(history, resolve=resolve)
    replayed = fold(played.log, resolve=resolve)
    assert replayed.encoded() == played.server.workbench.encoded()
    assert replayed.verdicts == [attempt.verdict for attempt in played.log]


def check_time_travel(*, resolve: Resolve = ours) -> None:
    """Law 10, time travel: the state as of position p is the fold of the log cut at p, for every p."""
    run(device_histories(max_scenes=9), lambda example: assert_time_travel(example, resolve=resolve))


def assert_time_travel(history: History, *, resolve: Resolve = ours) -> None:
    """Law 10 for one history. What a state was is taken down the moment it is made: later events must not touch it."""
    arrivals = play(history, resolve=resolve).arrivals
    server, taken_down = Server(resolve), []
    for arrival in arrivals:
        before = len(server.log)
        server.receive(arrival)
        for attempt in server.log[before:]:
            if isinstance(attempt.result, Rejection):
                raise TypeError("a rejected operation is in the log")
            taken_down.append((attempt.entity, encode_state(attempt.result[0])))
    for position in range(len(server.log) + 1):
        as_of: dict[str, bytes] = dict(taken_down[:position])
        cut = fold(server.log[:position], resolve=resolve)
        assert {entity: encode_state(cut.last(entity)) for entity in cut.entities()} == as_of, position
