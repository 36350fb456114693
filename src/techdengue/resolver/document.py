"""The visible document of a state (resolution.md, "Documents as leaves")."""

import functools
from typing import Any

import msgspec

from .equality import equal
from .merge_patch import LONGEST_KEPT_PATH, keys_of
from .model import REMOVED, Stamp, State


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
        keys = keys_of(path)
        if len(keys) > 1:
            if not _is_cut(state, path, stamp):
                _place(root, keys, value)
        elif keys and value is not REMOVED:
            key = keys[0]
            if value.__class__ is dict:
                root.setdefault(key, {})
            elif root.get(key).__class__ is not dict:  # else something below has a higher stamp
                root[key] = value
    return root


def underlying(state: State) -> dict[str, Any]:
    """The document, or of a deleted entity the one that stays under its tombstone."""
    return document(state) or document(msgspec.structs.replace(state, tombstone=None)) or {}


def shows(visible: dict[str, Any] | None, path: str, value: Any) -> bool:
    """Whether a document shows an assignment: the value at its path, or for a removal nothing."""
    if visible is None:
        return False
    node: Any = visible
    for key in keys_of(path):
        if node.__class__ is not dict or key not in node:
            return value is REMOVED
        node = node[key]
    if value.__class__ is dict:
        return node.__class__ is dict
    return value is not REMOVED and equal(node, value)


def _is_cut(state: State, path: str, stamp: Stamp) -> bool:
    for above in _ancestors(path):
        leaf = state.leaves.get(above)
        if leaf is not None:
            cut = state.cuts.get(above) if leaf[0].__class__ is dict else leaf[1]
            if cut is not None and cut > stamp:
                return True
    return False


def _ancestors(path: str) -> tuple[str, ...]:
    """The paths above, nearest first, without the root, which never holds anything that cuts."""
    return _kept_ancestors(path) if len(path) <= LONGEST_KEPT_PATH else _paths_above(path)


def _paths_above(path: str) -> tuple[str, ...]:
    keys = path.split("/")
    return tuple("/".join(keys[:end]) for end in range(len(keys) - 1, 1, -1))


_kept_ancestors = functools.lru_cache(maxsize=65_536)(_paths_above)


def _place(root: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    """Put a leaf that no cut hides. An object in its way stays: something below has a higher stamp."""
    node = root
    for key in keys[:-1]:
        below = node.get(key)
        if below.__class__ is not dict:
            below = node[key] = {}  # what stood here is hidden by this leaf
        node = below
    last = keys[-1]
    if node.get(last).__class__ is dict or value is REMOVED:
        return
    node[last] = {} if value.__class__ is dict else value
