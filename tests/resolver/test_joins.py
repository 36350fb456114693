"""All leaves of an operation are joined at once, and leave what they would leave one by one."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from techdengue.domain.operation import OperationKind
from techdengue.resolver.draft import Draft
from techdengue.resolver.merge_patch import leaves_of
from techdengue.resolver.model import ABSENT
from techdengue.testing import merge_patches

PATCHES = st.lists(st.tuples(merge_patches(), st.integers(0, 9)), min_size=2, max_size=9)


@given(PATCHES)
@example([({"a": 1}, 1), ({"a": {}}, 2), ({"a": 2}, 3)])  # an object cuts off what stood there, and is replaced
def test_leaves_joined_at_once_leave_what_they_leave_one_by_one(patches: list[tuple[dict[str, Any], int]]) -> None:
    at_once, one_by_one = Draft(ABSENT), Draft(ABSENT)
    for number, (patch, time) in enumerate(patches):
        stamp = (time, "device", f"key-{number}")
        assigned = leaves_of(OperationKind.UPDATE, patch, stamp)
        at_once.join_all(assigned, stamp)
        for path, (value, _) in assigned.items():
            one_by_one.join(path, value, stamp)
        assert left_by(at_once) == left_by(one_by_one)


def left_by(draft: Draft) -> tuple[Any, ...]:
    return list(draft.leaves.items()), draft.cuts, draft.clock, draft.changed
