"""Strategies for timed operations, and for entities that some operations have already shaped."""

from typing import Any

from hypothesis import strategies as st

from techdengue.domain.operation import OperationKind, Strategy
from techdengue.resolver import Operation, State

from .documents import documents, merge_patches
from .play import Resolve, ours, states_of

NOON = 1_700_000_000_000_000
"""A moment in µs since the epoch, for examples to happen at."""

DEVICES = ("d1", "d2", "d3")


def contents(kind: OperationKind, document: Any = None) -> st.SearchStrategy[dict[str, Any] | None]:
    """The `data` of an operation of that kind, an update's aimed at a document."""
    match kind:
        case OperationKind.CREATE:
            return st.one_of(documents(), merge_patches(document))
        case OperationKind.UPDATE:
            return merge_patches(document)
        case OperationKind.DELETE:
            return st.none()


@st.composite
def operations(
    draw: st.DrawFn,
    *,
    kinds: tuple[OperationKind, ...] = tuple(OperationKind),
    strategies: tuple[Strategy, ...] = tuple(Strategy),
    devices: tuple[str, ...] = DEVICES,
    document: Any = None,
    earliest: int = NOON,
    base_version: int | None = None,
) -> Operation:
    """Operations in the seconds after `earliest`, with keys from a small set: stamps collide in all but one part."""
    kind = draw(st.sampled_from(kinds))
    time = earliest + draw(st.one_of(st.integers(1, 4), st.integers(1, 60_000_000)))
    return Operation(
        kind=kind,
        device=draw(st.sampled_from(devices)),
        key=draw(st.sampled_from("klmnop")),
        time=time,
        received_at=time + draw(st.sampled_from((0, 1, 1_000_000, 86_400_000_000))),
        data=draw(contents(kind, document)),
        strategy=draw(st.sampled_from(strategies)),
        base_version=base_version,
    )


@st.composite
def entities(draw: st.DrawFn, *, resolve: Resolve = ours, max_operations: int = 4) -> list[State]:
    """An entity's states, one per sequence from 0: made by one device, now and then deleted, all times before NOON."""
    kinds = [OperationKind.CREATE]
    more = st.sampled_from((OperationKind.UPDATE, OperationKind.UPDATE, OperationKind.DELETE))
    kinds += draw(st.lists(more, max_size=max_operations - 1))
    made = [
        Operation(
            kind=kind,
            device="d0",
            key=f"made-{index}",
            time=NOON - 1_000_000 + index,
            received_at=NOON - 1_000_000 + index,
            data=draw(contents(kind)),
            strategy=Strategy.CLIENT_WINS,
        )
        for index, kind in enumerate(kinds)
    ]
    return states_of(made, resolve=resolve)
