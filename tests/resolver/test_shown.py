"""What a document shows is answered from the leaves alone, and is what the document itself says."""

from typing import Any

from hypothesis import given
from msgspec import UNSET

from techdengue.resolver import REMOVED, State, document, shown, value_at
from techdengue.resolver.equality import equal
from techdengue.testing import History, device_histories, play


@given(device_histories())
def test_an_assignment_is_shown_exactly_where_the_document_shows_it(history: History) -> None:
    for attempt in play(history).attempts:
        if isinstance(attempt.result, tuple):
            state = attempt.result[0]
            for path in paths_in(state):
                for value in (*(leaf[0] for leaf in state.leaves.values()), REMOVED, {}):
                    assert shown(state, {path: value}) == [is_there(document(state), path, value)], (path, value)


def paths_in(state: State) -> set[str]:
    """Every path that holds something, those around it, and one where nothing is."""
    keys = [path.split("/") for path in state.leaves]
    return {"/nothing", *("/".join(each[:end]) for each in keys for end in range(2, len(each) + 1))}


def is_there(visible: dict[str, Any] | None, path: str, value: Any) -> bool:
    """The same by looking into the document."""
    if visible is None:
        return False
    found = value_at(visible, path)
    if value is REMOVED or found is UNSET:
        return value is REMOVED and found is UNSET
    return isinstance(found, dict) if value == {} else equal(found, value)
