"""What "loses nothing" means (law 5): the leaves of a merge, of the other side, and of both."""

from typing import Any

from techdengue.resolver import REMOVED, Operation, State, assignments, document, is_live
from techdengue.testing.patches import holds, same

_NOTHING = object()


def assert_nothing_lost(base: State, before: State, after: State, merging: Operation) -> None:
    """`before` is the server's state that the operation met, `base` the one that it knew, `after` the merged one."""
    theirs = assignments(merging.kind, merging.data)
    ours = {
        path: leaf[0] for path, leaf in before.leaves.items() if path not in base.leaves or base.leaves[path] != leaf
    }
    if theirs:
        assert is_live(after), "an edit was lost under a deletion"
    for path, value in theirs.items():
        if _alone(path, ours):
            assert _shows(after, path, value), f"the operation's {path!r} is lost"
    if not is_live(before):
        return
    for path, value in ours.items():
        if _alone(path, theirs) and _shows(before, path, value):
            assert _shows(after, path, value), f"the server's {path!r} is lost"
    for path in ours.keys() & theirs.keys():
        if _alone(path, ours, but=path) and _alone(path, theirs, but=path):
            _assert_items(path, base, before, after, theirs[path])


def _assert_items(path: str, base: State, before: State, after: State, theirs: Any) -> None:
    """Items of either side are there but those that a side took out of the base's array (where that was visible)."""
    ours, merged = _at(document(before), path), _at(document(after), path)
    if not isinstance(ours, list) or not isinstance(theirs, list):
        return
    then = _at(document(base), path)
    if path in base.leaves and not same(then, base.leaves[path][0]):
        return
    old = then if isinstance(then, list) else []
    for item in [*ours, *theirs]:
        if not holds(old, item) or (holds(ours, item) and holds(theirs, item)):
            assert holds(merged, item), f"{item!r} of {path!r} is lost: {merged}"


def _alone(path: str, others: dict[str, Any], *, but: str | None = None) -> bool:
    """Whether no path of the others is this one, above it or below it. A root's `{}` is in nobody's way."""
    return not path or not any(
        path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")
        for other in others
        if other and other != but
    )


def _shows(state: State, path: str, value: Any) -> bool:
    found = _at(document(state), path)
    if value is REMOVED:
        return found is _NOTHING
    return isinstance(found, dict) if value == {} and isinstance(value, dict) else same(found, value)


def _at(whole: Any, pointer: str) -> Any:
    """The value at a JSON Pointer (RFC 6901) within objects."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if not isinstance(whole, dict) or key not in whole:
            return _NOTHING
        whole = whole[key]
    return whole
