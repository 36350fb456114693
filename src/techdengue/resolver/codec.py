"""A state as bytes, for the head of a stream: MessagePack, the same bytes for the same state.

The first element is the format. 2: a first create, of which the rest follows. 1: any other state; its stamps are
written once each and named by index, for most leaves share a few. First creates were once written so too.
"""

from typing import Any

import msgspec

from .created import Created
from .merge_patch import patch_of
from .model import REMOVED, Change, Leaf, Stamp, State

_FORMAT = 1


class _Stored(msgspec.Struct, frozen=True, array_like=True, tag=_FORMAT):
    sequence: int
    version: int
    clock: int
    received_at: int
    tombstone: int
    """Index of its stamp; -1: none."""
    last: Change | None
    other: Change | None
    open: tuple[int, ...]
    stamps: list[Stamp]
    leaves: list[tuple[Any, ...]]
    """(path, stamp index, value), without value where it was removed."""
    cuts: dict[str, int]
    seals: dict[str, tuple[Any, ...]] = {}
    """Not written where there are none."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Stored | Created)


def encode_state(state: State) -> bytes:
    """The bytes of a state."""
    if state.sequence == 1 and not state.seals:
        data = patch_of({path: value for path, (value, _) in state.leaves.items()})
        return encode_created(Created(state.leaves[""][1], state.received_at, data))
    return encode_leaves(state)


def encode_leaves(state: State) -> bytes:
    """The bytes of a state that is more than a first create."""
    indexes: dict[Stamp, int] = {}
    leaves: list[tuple[Any, ...]] = []
    before, at = None, -1
    for path, (value, stamp) in state.leaves.items():
        if stamp is not before:  # neighbours share theirs
            before, at = stamp, indexes.setdefault(stamp, len(indexes))
        leaves.append((path, at) if value is REMOVED else (path, at, value))
    cuts = {path: indexes.setdefault(stamp, len(indexes)) for path, stamp in state.cuts.items()}
    tombstone = -1 if state.tombstone is None else indexes.setdefault(state.tombstone, len(indexes))
    return pack(
        state.sequence,
        state.version,
        state.clock,
        state.received_at,
        tombstone,
        state.last,
        state.other,
        state.open,
        list(indexes),
        leaves,
        cuts,
        *((state.seals,) if state.seals else ()),
    )


def encode_created(created: Created) -> bytes:
    """The bytes of the state after a first create."""
    return _encoder.encode(created)


def pack(*fields: Any) -> bytes:
    """The bytes of a state that is laid out already: the fields that are stored, in their order, but the format."""
    return _encoder.encode((_FORMAT, *fields))


def decode_state(raw: bytes) -> State:
    """The state of such bytes. Raises msgspec.DecodeError for others."""
    stored = _decoder.decode(raw)
    if isinstance(stored, Created):
        return stored.state()
    stamps = stored.stamps
    leaves: dict[str, Leaf] = {
        leaf[0]: (leaf[2] if len(leaf) == 3 else REMOVED, stamps[leaf[1]]) for leaf in stored.leaves
    }
    return State(
        leaves=leaves,
        cuts={path: stamps[at] for path, at in stored.cuts.items()},
        tombstone=None if stored.tombstone < 0 else stamps[stored.tombstone],
        clock=stored.clock,
        sequence=stored.sequence,
        version=stored.version,
        received_at=stored.received_at,
        last=stored.last,
        other=stored.other,
        open=stored.open,
        seals=stored.seals,
    )
