"""Strategy for what several devices do to a few entities: offline edits, wrong and jumping clocks, lost answers.

A history says what people and networks do; `play` says what comes of it, for any resolver.
"""

from typing import Any

import msgspec
from hypothesis import strategies as st

from techdengue.domain.operation import Choice, OperationKind, Strategy

from .documents import documents, merge_patches

DEVICES = ("d1", "d2", "d3")
ENTITIES = ("e1", "e2")

SECOND = 1_000_000
SKEWS = (
    0,
    1,
    -SECOND,
    2 * SECOND,
    2 * SECOND + 1,
    -2 * SECOND - 1,
    3600 * SECOND,
    -86_400 * SECOND,
    315_360_000 * SECOND,
)
WAITS = (0, 0, 1, 2, 10_000, SECOND, 2 * SECOND + 1, 3600 * SECOND)


class Edit(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person changes an entity on a device; the operation waits in the device's queue.

    `knows` says whether it carries the version that the device had seen (`base_version`).
    """

    device: str
    entity: str
    kind: OperationKind
    data: dict[str, Any] | None
    strategy: Strategy
    knows: bool
    wait: int = 0


class Push(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A device sends the first `size` operations of its queue in one request, each `copies` times.

    `says_when` sends the device's clock along (`sent_at`). A `lost` answer leaves the queue as it was, so that all
    of it is sent again.
    """

    device: str
    size: int
    copies: int = 1
    says_when: bool = False
    lost: bool = False
    wait: int = 0


class Pull(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A device fetches what changed since it last did."""

    device: str
    wait: int = 0


class Jump(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A device's clock jumps."""

    device: str
    by: int
    wait: int = 0


class Settle(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Somebody at the console settles an open conflict of an entity: the `which`-th modulo their number."""

    entity: str
    which: int
    choice: Choice
    data: dict[str, Any]
    wait: int = 0


Step = Edit | Push | Pull | Jump | Settle


class History(msgspec.Struct, frozen=True):
    """How far each device's clock is off at first, in µs, and what happens, in order. Each step first `wait`s."""

    clocks: dict[str, int]
    steps: tuple[Step, ...]


def device_histories(
    *,
    devices: tuple[str, ...] = DEVICES,
    entities: tuple[str, ...] = ENTITIES,
    strategies: tuple[Strategy, ...] = tuple(Strategy),
    max_scenes: int = 16,
) -> st.SearchStrategy[History]:
    """Histories of devices: duplicates, lost acknowledgements, batches cut anywhere, clocks that are off and jump.

    A history is a list of short scenes: an edit that stays in its queue, an edit sent at once, two devices at odds.
    """
    scenes = st.lists(_scenes(devices, entities, strategies), min_size=min(8, max_scenes), max_size=max_scenes)
    clocks = st.fixed_dictionaries({device: st.sampled_from(SKEWS) for device in devices})
    beginning = _beginning(devices[0], entities[0], strategies[0])
    return st.builds(_history, clocks, st.one_of(beginning, beginning, beginning, st.just(())), scenes)


def _history(clocks: dict[str, int], beginning: tuple[Step, ...], scenes: list[tuple[Step, ...]]) -> History:
    return History(clocks, beginning + tuple(step for scene in scenes for step in scene))


def _beginning(device: str, entity: str, strategy: Strategy) -> st.SearchStrategy[tuple[Step, ...]]:
    """An entity that is there before the rest begins: without one, most of a history is refused."""

    def begin(data: dict[str, Any]) -> tuple[Step, ...]:
        kind = OperationKind.CREATE
        made = Edit(device=device, entity=entity, kind=kind, data=data, strategy=strategy, knows=False)
        return (made, Push(device=device, size=1), Pull(device=device))

    return documents().map(begin)


def _scenes(
    devices: tuple[str, ...], entities: tuple[str, ...], strategies: tuple[Strategy, ...]
) -> st.SearchStrategy[tuple[Step, ...]]:
    device, wait = st.sampled_from(devices), st.sampled_from(WAITS)
    entity = st.sampled_from((entities[0], entities[0], *entities))
    edit = _edits(device, entity, strategies)
    push = _pushes(device)
    settle = st.builds(
        Settle,
        entity=entity,
        which=st.integers(0, 2),
        choice=st.sampled_from(Choice),
        data=merge_patches(),
        wait=wait,
    )
    sent = st.tuples(edit, push).map(_from_one_device)
    pull = st.builds(Pull, device=device, wait=wait)
    jump = st.builds(Jump, device=device, by=st.sampled_from(SKEWS), wait=wait)
    return st.one_of(
        st.tuples(sent, sent).map(_at_odds),
        sent,
        st.tuples(edit),
        st.tuples(push),
        st.tuples(sent, settle).map(lambda scene: (*scene[0], scene[1])),
        st.tuples(pull),
        st.tuples(settle),
        st.tuples(jump),
    )


def _from_one_device(scene: tuple[Edit, Push]) -> tuple[Edit, Push]:
    edit, push = scene
    return edit, msgspec.structs.replace(push, device=edit.device)


def _at_odds(scene: tuple[tuple[Edit, Push], tuple[Edit, Push]]) -> tuple[Step, ...]:
    """Two devices know the same of one entity, and both change it."""
    (one, first), (other, second) = scene
    other = msgspec.structs.replace(other, entity=one.entity)
    return (Pull(device=one.device), Pull(device=other.device), one, other, first, second)


def _edits(
    device: st.SearchStrategy[str], entity: st.SearchStrategy[str], strategies: tuple[Strategy, ...]
) -> st.SearchStrategy[Edit]:
    create, update, delete = (
        st.builds(
            Edit,
            device=device,
            entity=entity,
            kind=st.just(kind),
            data=data,
            strategy=st.sampled_from(strategies),
            knows=st.booleans(),
            wait=st.sampled_from(WAITS),
        )
        for kind, data in (
            (OperationKind.CREATE, documents()),
            (OperationKind.UPDATE, merge_patches()),
            (OperationKind.DELETE, st.none()),
        )
    )
    return st.one_of(update, update, update, delete, create)


def _pushes(device: st.SearchStrategy[str]) -> st.SearchStrategy[Push]:
    return st.builds(
        Push,
        device=device,
        size=st.sampled_from((9, 1, 2, 3)),
        copies=st.sampled_from((1, 1, 1, 2)),
        says_when=st.booleans(),
        lost=st.sampled_from((False, False, False, True)),
        wait=st.sampled_from(WAITS),
    )
