"""The visible document of a state (resolution.md, "Documents as leaves")."""

from typing import Any, Final

import msgspec

from .equality import equal
from .model import REMOVED, Leaf, Stamp, State
from .paths import ABOVE, PLACE

_NOTHING: Final[Leaf] = (REMOVED, (0, "", ""))


def is_live(state: State) -> bool:
    """Whether some leaf's stamp, the root's too, is above the tombstone."""
    tombstone = state.tombstone
    if tombstone is None:
        return bool(state.leaves)
    return any(stamp > tombstone for _, stamp in state.leaves.values())


def document(state: State) -> dict[str, Any] | None:
    """What is visible, or None when the entity is absent or deleted."""
    if not is_live(state):
        return None
    root: dict[str, Any] = {}
    for path, (value, stamp) in state.leaves.items():
        if path:
            outer, name = PLACE[path]
            node = root
            if outer:
                if _is_cut(state, path, stamp):
                    continue
                for key in outer:
                    below = node.get(key)
                    if below.__class__ is not dict:
                        below = node[key] = {}  # what stood here is hidden by this leaf
                    node = below
            if value is not REMOVED and node.get(name).__class__ is not dict:  # else a leaf below is later
                node[name] = {} if value.__class__ is dict else value
    return root


def underlying(state: State) -> dict[str, Any]:
    """The document, or of a deleted entity the one that stays under its tombstone."""
    return document(state) or document(msgspec.structs.replace(state, tombstone=None)) or {}


def shown(state: State, assigned: dict[str, Any]) -> list[bool]:
    """For each assignment, whether the document shows it: the value at its path, or for a removal nothing.

    Answered from the leaves alone: no document is made.
    """
    if not is_live(state):
        return [False] * len(assigned)
    objects = _objects(state)
    return [_shows(state, objects, path, value) for path, value in assigned.items()]


def _objects(state: State) -> set[str]:
    """The paths that are objects because of what stands below them, removals too."""
    objects: set[str] = set()
    for path, (_, stamp) in state.leaves.items():
        above = ABOVE[path]
        if above and not _is_cut(state, path, stamp):
            objects.update(above)
    return objects


def _shows(state: State, objects: set[str], path: str, value: Any) -> bool:
    if path in objects:
        return value.__class__ is dict
    held, stamp = state.leaves.get(path, _NOTHING)
    return equal(REMOVED if _is_cut(state, path, stamp) else held, value)


def _is_cut(state: State, path: str, stamp: Stamp) -> bool:
    for above in ABOVE[path]:
        leaf = state.leaves.get(above)
        if leaf is not None:
            cut = state.cuts.get(above) if leaf[0].__class__ is dict else leaf[1]
            if cut is not None and cut > stamp:
                return True
    return False
