"""What a conflict is about: the leaves that both sides assigned, and a sentence that tells a person what to do."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from techdengue.domain.operation import ConflictType, OperationKind

from .document import document
from .equality import equal
from .merge_patch import assignments
from .model import REMOVED, Operation, State
from .paths import keys_of


class Contest(msgspec.Struct, frozen=True, kw_only=True):
    """One leaf of a conflict. UNSET: there is nothing at that path; null cannot stand in a document."""

    path: str
    base: Any | UnsetType = UNSET
    server: Any | UnsetType = UNSET
    client: Any | UnsetType = UNSET


def contested(state: State, operation: Operation, base: State | None) -> list[Contest]:
    """The leaves of an operation, in its order, whose value differs from what the server shows.

    `state` is the entity as the operation met it; `base` the entity at its `base_version`, where that is known.
    """
    server = document(state)
    known = document(base) if base is not None else None
    contests = []
    for path, value in assignments(operation.kind, operation.data).items():
        client = UNSET if value is REMOVED else value
        theirs = value_at(server, path)
        if path and not equal(theirs, client):
            contests.append(Contest(path=path, base=value_at(known, path), server=theirs, client=client))
    return contests


def value_at(visible: dict[str, Any] | None, path: str) -> Any | UnsetType:
    """What a document shows at a JSON Pointer; UNSET for nothing."""
    if visible is None:
        return UNSET
    node: Any = visible
    for key in keys_of(path):
        if node.__class__ is not dict or key not in node:
            return UNSET
        node = node[key]
    return node


def suggestion(conflict: ConflictType, operation: Operation, contests: list[Contest]) -> str:
    """A sentence for the person who settles the conflict: what is in conflict, and what each choice would do."""
    names = ", ".join(contest.path.removeprefix("/").replace("/", ".") for contest in contests) or "no field"
    match conflict:
        case ConflictType.DELETE_UPDATE:
            return (
                "The device deleted what another device has changed since: 'client' deletes it, "
                "'server' and 'merge' keep it as it is, 'custom' changes it as you write."
            )
        case ConflictType.UPDATE_DELETE:
            return (
                f"The device changed {names} of what another device has deleted: 'client' and 'merge' bring it "
                "back with the change, 'server' leaves it deleted, 'custom' brings it back as you write."
            )
        case _:
            both = "created it" if operation.kind is OperationKind.CREATE else "changed it"
            return (
                f"Two devices {both}; they differ in {names}: 'client' takes the device's values, 'server' keeps "
                "the server's, 'merge' joins them leaf by leaf (the later change wins), 'custom' sets what you write."
            )
