"""The `merge` strategy: three-way, leaf by leaf (resolution.md, "Merge")."""

from typing import Any

from .draft import Draft
from .equality import canonical, equal
from .model import Stamp, State


def merge_edit(draft: Draft, state: State, assigned: dict[str, Any], stamp: Stamp, base: State | None) -> None:
    """Join a create or an update by three-way merge into the draft.

    `base` is the entity as the author had seen it; None when nothing is known of it: then every path that the
    server holds counts as assigned, and no removal is inferred.
    """
    for path, value in assigned.items():
        _merge_leaf(draft, state, path, value, stamp, base)
    if draft.tombstone is not None and not any(leaf[1] > draft.tombstone for leaf in draft.leaves.values()):
        draft.join("", {}, (draft.clock + 1, stamp[1], stamp[2]))


def _merge_leaf(draft: Draft, state: State, path: str, value: Any, stamp: Stamp, base: State | None) -> None:
    held = state.leaves.get(path)
    seen = base.leaves.get(path) if base is not None else None
    if held is None or (seen is not None and seen[1] == held[1]):
        draft.join(path, value, stamp)
        return
    theirs, held_stamp = held
    if theirs.__class__ is list and value.__class__ is list and not equal(theirs, value):
        known = seen[0] if seen is not None and seen[0].__class__ is list else []
        union = union_of(known, theirs, value)
        if stamp > held_stamp or not equal(union, theirs):
            draft.put(path, union, max(stamp, held_stamp))
    elif equal(theirs, value):
        if stamp > held_stamp:
            draft.put(path, theirs, stamp)
    else:
        draft.join(path, value, stamp)


def union_of(base: list[Any], server: list[Any], client: list[Any]) -> list[Any]:
    """The items of either side, each once, without what either removed since the base.

    The server's order first, then the client's new items in theirs.
    """
    ours = {canonical(item) for item in server}
    theirs = {canonical(item) for item in client}
    removed = {item for item in map(canonical, base) if item not in ours or item not in theirs}
    union, seen = [], set(removed)
    for item in (*server, *client):
        name = canonical(item)
        if name not in seen:
            seen.add(name)
            union.append(item)
    return union
