"""resolution.md once more, slowly: every assignment ever joined is kept, and everything is recomputed from them.

Written from the text alone and sharing nothing with the resolver but the structs of its questions. Paths are tuples of
keys; nothing is ever overwritten; every "highest stamp" is a `max` over all there is.
"""

from typing import Any, NamedTuple

from techdengue.domain.operation import Choice, ConflictType, ErrorCode, OperationKind, Outcome, Strategy
from techdengue.resolver.model import Operation, Settlement, Stamp

Path = tuple[str, ...]
ROOT: Path = ()
SECOND = 1_000_000
BEFORE_ALL_TIME = -(10**30)


class _Word(NamedTuple):
    word: str


REMOVAL = _Word("removal")
OBJECT = _Word("an object is here")


class Assigned(NamedTuple):
    """One value that was once assigned at one path."""

    path: Path
    value: Any
    stamp: Stamp


class Changed(NamedTuple):
    """One event that changed the entity."""

    sequence: int
    device: str
    time: int
    received_at: int


class Entity(NamedTuple):
    """Everything that ever happened to one entity."""

    assigned: tuple[Assigned, ...] = ()
    deletions: tuple[Stamp, ...] = ()
    changes: tuple[Changed, ...] = ()
    sequence: int = 0
    open: tuple[int, ...] = ()


class Refused(NamedTuple):
    """A rejected operation: the entity stays as it is."""

    code: ErrorCode


class Accepted(NamedTuple):
    """What became of an accepted operation."""

    entity: Entity
    outcome: Outcome
    conflict_type: ConflictType | None


# Terms -------------------------------------------------------------------------------------------------------------


def canonical(value: Any) -> Any:
    """Equal for two values exactly when their RFC 8785 texts are: numbers are doubles, and `true` is none."""
    match value:
        case None | bool() | str():
            return (type(value).__name__, value)
        case int() | float():
            return ("number", float(value) + 0.0)
        case list() | tuple():
            return ("array", tuple(canonical(item) for item in value))
        case dict():
            return ("object", frozenset((key, canonical(item)) for key, item in value.items()))
    raise TypeError(value)


def assignments(kind: OperationKind, data: dict[str, Any]) -> list[tuple[Path, Any]]:
    """The leaves of an operation's data."""
    found = [(path, value) for path, value in _walk(data, ROOT) if path != ROOT]
    return [(ROOT, OBJECT), *found] if kind is OperationKind.CREATE else found


def _walk(value: Any, path: Path) -> list[tuple[Path, Any]]:
    if value is None:
        return [(path, REMOVAL)]
    if not isinstance(value, dict):
        return [(path, value)]
    if not value:
        return [(path, OBJECT)]
    return [leaf for key, inner in value.items() for leaf in _walk(inner, (*path, key))]


def leaves(entity: Entity) -> dict[Path, tuple[Any, Stamp]]:
    """Of each path the assignment with the highest stamp (of one stamp, the later word)."""
    kept: dict[Path, tuple[Any, Stamp]] = {}
    for path, value, stamp in entity.assigned:
        if path not in kept or stamp >= kept[path][1]:
            kept[path] = (value, stamp)
    return kept


def cuts(entity: Entity) -> dict[Path, Stamp]:
    """Of each path the highest stamp of a scalar, an array or a removal."""
    cutting = [a for a in entity.assigned if a.value is not OBJECT]
    return {path: max(a.stamp for a in cutting if a.path == path) for path in {a.path for a in cutting}}


def tombstone(entity: Entity) -> Stamp | None:
    """The stamp of the latest deletion."""
    return max(entity.deletions, default=None)


def clock(entity: Entity) -> int:
    """The highest effective time among the stamps of leaves and tombstone."""
    stamps = [a.stamp for a in entity.assigned] + list(entity.deletions)
    return max((stamp[0] for stamp in stamps), default=BEFORE_ALL_TIME)


def version(entity: Entity) -> int:
    """The sequence of the last event that changed the entity."""
    return entity.changes[-1].sequence if entity.changes else 0


def live(entity: Entity) -> bool:
    """Some leaf's stamp is higher than the tombstone, or there is none."""
    buried = tombstone(entity)
    held = leaves(entity).values()
    return bool(held) and (buried is None or any(stamp > buried for _, stamp in held))


def document(entity: Entity) -> dict[str, Any] | None:
    """What is visible; None when the entity is absent or deleted."""
    if not live(entity):
        return None
    held, cut = leaves(entity), cuts(entity)
    whole: dict[str, Any] = {}
    for path, (value, stamp) in held.items():
        if not _hidden(path, value, stamp, held, cut):
            _put(whole, path, value)
    return whole


def _below(path: Path, above: Path) -> bool:
    return len(path) > len(above) and path[: len(above)] == above


def _hidden(path: Path, value: Any, stamp: Stamp, held: dict[Path, tuple[Any, Stamp]], cut: dict[Path, Stamp]) -> bool:
    if any(_below(path, above) and stamp < cut_stamp for above, cut_stamp in cut.items()):
        return True
    if value is OBJECT:
        return False
    return any(_below(other, path) and other_stamp > stamp for other, (_, other_stamp) in held.items())


def _put(whole: dict[str, Any], path: Path, value: Any) -> None:
    inside = whole
    for key in path if value is OBJECT else path[:-1]:
        inside = inside.setdefault(key, {})
        assert isinstance(inside, dict), f"{path} lies below a visible value"
    if value is not OBJECT and value is not REMOVAL:
        assert path[-1] not in inside, f"{path} is visible twice"
        inside[path[-1]] = value


# Effective time ----------------------------------------------------------------------------------------------------


def effective_time(
    client_time: int, received_at: int, sent_at: int | None, device_clock: int | None, base_clock: int | None
) -> tuple[int, bool]:
    """The four rules in their order: the time, and whether the results carry `clock_skew`."""
    time, skewed = client_time, False
    if sent_at is not None and abs(received_at - sent_at) > 2 * SECOND:
        time, skewed = time + (received_at - sent_at), True
    if time > received_at:
        skewed = skewed or time - received_at > 2 * SECOND
        time = received_at
    if device_clock is not None:
        time = max(time, device_clock + 1)
    if base_clock is not None:
        time = max(time, base_clock + 1)
    return time, skewed


# Resolution --------------------------------------------------------------------------------------------------------


def resolve(entity: Entity, event: Operation | Settlement, base: Entity | None = None) -> Accepted | Refused:
    """What one operation, or one person's resolution, does to one entity."""
    if isinstance(event, Settlement):
        return _settle(entity, event, base)
    return _operate(entity, event, base)


def _operate(entity: Entity, op: Operation, base: Entity | None) -> Accepted | Refused:
    absent = entity.sequence == 0
    if absent and op.kind is not OperationKind.CREATE:
        return Refused(ErrorCode.ENTITY_NOT_FOUND)
    if op.base_version is not None and op.base_version > version(entity):
        return Refused(ErrorCode.UNKNOWN_BASE_VERSION)
    if op.kind is OperationKind.UPDATE and not assignments(op.kind, op.data or {}):
        return _close(entity, entity, op, Outcome.NO_CHANGE, None)
    if op.kind is OperationKind.DELETE and not live(entity):
        return _close(entity, _bury(entity, _own_stamp(op)), op, Outcome.NO_CHANGE, None)
    conflict = _conflict(entity, op)
    if conflict is None:
        return _close(entity, _apply(entity, op, _raised_stamp(entity, op)), op, Outcome.APPLIED, None)
    if op.strategy is Strategy.MANUAL:
        after = _close(entity, entity, op, Outcome.CONFLICT, conflict)
        return after._replace(
            entity=after.entity._replace(open=(*entity.open, entity.sequence + 1)),
        )
    after_strategy = _by_strategy(entity, op, _base_of(entity, op, base))
    return _close(entity, after_strategy, op, _outcome(entity, after_strategy, op), conflict)


def _conflict(entity: Entity, op: Operation) -> ConflictType | None:
    if entity.sequence == 0:
        return None
    if op.kind is OperationKind.CREATE:
        return ConflictType.CREATE_CREATE
    if op.kind is OperationKind.UPDATE and not live(entity):
        return ConflictType.UPDATE_DELETE
    if not _unseen(entity, op):
        return None
    return ConflictType.UPDATE_UPDATE if op.kind is OperationKind.UPDATE else ConflictType.DELETE_UPDATE


def _unseen(entity: Entity, op: Operation) -> bool:
    foreign = [change for change in entity.changes if change.device != op.device]
    if not foreign:
        return False
    latest = foreign[-1]
    if op.base_version is not None:
        return latest.sequence > op.base_version
    return latest.received_at >= op.time or latest.time >= op.time


def _base_of(entity: Entity, op: Operation, base: Entity | None) -> Entity | None:
    if op.base_version is None:
        return None
    if op.base_version == version(entity):
        return entity
    assert base is not None, "the caller knows the log"
    return base


def _by_strategy(entity: Entity, op: Operation, base: Entity | None) -> Entity:
    match op.strategy:
        case Strategy.CLIENT_WINS:
            return _apply(entity, op, _raised_stamp(entity, op))
        case Strategy.LAST_WRITE_WINS:
            return _apply(entity, op, _own_stamp(op))
        case Strategy.MERGE:
            return _merge(entity, op, base)
    return entity  # server_wins: nothing changes


def _own_stamp(op: Operation) -> Stamp:
    return (op.time, op.device, op.key)


def _raised_stamp(entity: Entity, event: Operation | Settlement) -> Stamp:
    return (max(event.time, clock(entity) + 1), event.device, event.key)


def _apply(entity: Entity, op: Operation, stamp: Stamp) -> Entity:
    if op.kind is OperationKind.DELETE:
        return _bury(entity, stamp)
    return _assign(entity, op.kind, op.data or {}, stamp)


def _assign(entity: Entity, kind: OperationKind, data: dict[str, Any], stamp: Stamp) -> Entity:
    more = tuple(Assigned(path, value, stamp) for path, value in assignments(kind, data))
    return entity._replace(assigned=entity.assigned + more)


def _bury(entity: Entity, stamp: Stamp) -> Entity:
    return entity._replace(deletions=(*entity.deletions, stamp))


def _merge(entity: Entity, op: Operation, base: Entity | None) -> Entity:
    if op.kind is OperationKind.DELETE:
        return entity
    stamp, held = _own_stamp(op), leaves(entity)
    held_then = {} if base is None else leaves(base)
    more = []
    for path, value in assignments(op.kind, op.data or {}):
        if path not in held or (path in held_then and held_then[path][1] == held[path][1]):
            more.append(Assigned(path, value, stamp))
            continue
        ours, our_stamp = held[path]
        if isinstance(ours, list) and isinstance(value, list) and canonical(ours) != canonical(value):
            then = held_then[path][0] if path in held_then else None
            united = _unite(then if isinstance(then, list) else [], ours, value)
            more.append(Assigned(path, united, max(stamp, our_stamp)))
        elif _same(ours, value):
            more.append(Assigned(path, ours, max(stamp, our_stamp)))
        else:
            more.append(Assigned(path, value, stamp))
    merged = entity._replace(assigned=entity.assigned + tuple(more))
    if live(merged):
        return merged
    return merged._replace(assigned=(*merged.assigned, Assigned(ROOT, OBJECT, (clock(merged) + 1, op.device, op.key))))


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, _Word) or isinstance(theirs, _Word):
        return ours is theirs
    return bool(canonical(ours) == canonical(theirs))


def _unite(then: list[Any], ours: list[Any], theirs: list[Any]) -> list[Any]:
    old, mine, other = ([canonical(item) for item in items] for items in (then, ours, theirs))
    removed = [item for item in old if item not in mine or item not in other]
    united: list[Any] = []
    for item in [*ours, *theirs]:
        known = [canonical(taken) for taken in united]
        if canonical(item) not in removed and canonical(item) not in known:
            united.append(item)
    return united


def _outcome(before: Entity, entity: Entity, op: Operation) -> Outcome:
    """By what is visible; a document that shows no leaf as sent but is not as it was (a union) is of each."""
    if op.kind is OperationKind.DELETE:
        return Outcome.SERVER_KEPT if live(entity) else Outcome.CLIENT_APPLIED
    wanted = assignments(op.kind, op.data or {})
    counted = [leaf for leaf in wanted if leaf[0] != ROOT] or wanted
    seen = [_visible(document(entity), path, value) for path, value in counted]
    if all(seen):
        return Outcome.CLIENT_APPLIED
    untouched = canonical(document(before)) == canonical(document(entity))
    return Outcome.MERGED if any(seen) or not untouched else Outcome.SERVER_KEPT


def _visible(whole: dict[str, Any] | None, path: Path, value: Any) -> bool:
    if whole is None:
        return False
    inside: Any = whole
    for key in path:
        if not isinstance(inside, dict) or key not in inside:
            return value is REMOVAL
        inside = inside[key]
    if value is REMOVAL:
        return False
    if value is OBJECT:
        return isinstance(inside, dict)
    return not isinstance(inside, dict) and bool(canonical(inside) == canonical(value))


def _settle(entity: Entity, event: Settlement, base: Entity | None) -> Accepted | Refused:
    if event.resolves not in entity.open:
        return Refused(ErrorCode.CONFLICT_ALREADY_RESOLVED)
    stamp = _raised_stamp(entity, event)
    match event.choice:
        case Choice.CLIENT:
            after = _apply(entity, event.parked, stamp)
        case Choice.MERGE:
            after = _merge(entity, event.parked, _base_of(entity, event.parked, base))
        case Choice.CUSTOM:
            after = _assign(entity, OperationKind.UPDATE, event.data or {}, stamp)
        case Choice.SERVER:
            after = entity
    still_open = tuple(parked for parked in entity.open if parked != event.resolves)
    accepted = _close(entity, after, event, Outcome.RESOLVED, None)
    return accepted._replace(entity=accepted.entity._replace(open=still_open))


def _close(
    before: Entity,
    after: Entity,
    event: Operation | Settlement,
    outcome: Outcome,
    conflict: ConflictType | None,
) -> Accepted:
    """Give the event its sequence, and the entity a version if anything of it is new."""
    sequence = before.sequence + 1
    changes = after.changes
    if _facts(before) != _facts(after):
        changes = (*changes, Changed(sequence, event.device, event.time, event.received_at))
    return Accepted(after._replace(sequence=sequence, changes=changes), outcome, conflict)


def _facts(entity: Entity) -> Any:
    known = {
        path: (value if isinstance(value, _Word) else canonical(value), stamp)
        for path, (value, stamp) in leaves(entity).items()
    }
    return known, cuts(entity), tombstone(entity)
