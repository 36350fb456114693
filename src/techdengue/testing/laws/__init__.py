"""The laws of docs/resolution.md, one function each: `check_…(resolve=…)` runs its law on generated examples.

`resolve` is the resolver under test, with the signature of `techdengue.resolver.resolve`, which is the default.
`assert_…` states the same law for one example of your own. How many examples a check takes is Hypothesis's
current settings profile.
"""

from techdengue.resolver import resolve as ours
from techdengue.resolver.rule_sets import Resolve

from .concurrent import (
    Concurrent,
    Interleaving,
    assert_last_write_wins_is_a_join,
    assert_merge_commutes,
    assert_merge_loses_nothing,
    check_last_write_wins_is_a_join,
    check_merge_commutes,
    check_merge_loses_nothing,
)
from .delivery import (
    assert_batch_independence,
    assert_convergence,
    assert_idempotence,
    check_batch_independence,
    check_convergence,
    check_idempotence,
)
from .log import (
    assert_leaves_are_merge_patches,
    assert_replay,
    assert_time_travel,
    check_leaves_are_merge_patches,
    check_replay,
    check_time_travel,
)
from .strategies import assert_soundness, assert_the_other_three, check_soundness, check_the_other_three

ALL = (
    check_leaves_are_merge_patches,
    check_replay,
    check_idempotence,
    check_batch_independence,
    check_last_write_wins_is_a_join,
    check_merge_loses_nothing,
    check_merge_commutes,
    check_the_other_three,
    check_soundness,
    check_convergence,
    check_time_travel,
)
"""The checks by the number of their law, from 0."""


def check_all(*, resolve: Resolve = ours) -> None:
    """All eleven laws, in order."""
    for check in ALL:
        check(resolve=resolve)


__all__ = [
    "ALL",
    "Concurrent",
    "Interleaving",
    "assert_batch_independence",
    "assert_convergence",
    "assert_idempotence",
    "assert_last_write_wins_is_a_join",
    "assert_leaves_are_merge_patches",
    "assert_merge_commutes",
    "assert_merge_loses_nothing",
    "assert_replay",
    "assert_soundness",
    "assert_the_other_three",
    "assert_time_travel",
    "check_all",
    "check_batch_independence",
    "check_convergence",
    "check_idempotence",
    "check_last_write_wins_is_a_join",
    "check_leaves_are_merge_patches",
    "check_merge_commutes",
    "check_merge_loses_nothing",
    "check_replay",
    "check_soundness",
    "check_the_other_three",
    "check_time_travel",
]
