"""Jobs are appended together exactly where a stream or a writer ties them, however far around."""

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from techdengue.intake.decision import Decision
from techdengue.intake.units import Decided, _components

Shares = tuple[str, frozenset[tuple[str, str]]]

SHARES = st.tuples(st.sampled_from("abcdef"), st.frozensets(st.tuples(st.just("t"), st.sampled_from("abcdef"))))


class _Written:
    def __init__(self, device: str) -> None:
        self.device = device


@given(st.lists(SHARES, max_size=6))
def test_jobs_that_share_something_or_are_tied_by_others_are_one_component(shares: list[Shares]) -> None:
    assert sorted(_components([_decided(each) for each in shares])) == _reached(shares)


@given(st.lists(SHARES, max_size=6, unique_by=lambda each: each[0]))
def test_so_are_jobs_of_different_writers(shares: list[Shares]) -> None:
    assert sorted(_components([_decided(each) for each in shares])) == _reached(shares)


def _decided(shares: Shares) -> Decided:
    decision = Decision()
    decision.places = set(shares[1])
    return cast("Any", _Written(shares[0])), decision


def _reached(shares: list[Shares]) -> list[list[int]]:
    """The slow way: from each job to whatever can be reached."""
    found: set[tuple[int, ...]] = set()
    for start in range(len(shares)):
        reached = {start}
        for _ in shares:
            reached |= {
                job for job in range(len(shares)) if any(_tied(shares[job], shares[other]) for other in reached)
            }
        found.add(tuple(sorted(reached)))
    return [list(each) for each in sorted(found)]


def _tied(left: Shares, right: Shares) -> bool:
    return left[0] == right[0] or not left[1].isdisjoint(right[1])
