"""A Merkle tree as RFC 6962 (2.1) has it: one root for a list of records, and short proofs that a record is in it.

Leaves and nodes are hashed with different first bytes, so that no node passes for a leaf; an odd node is promoted as it
is, never doubled, so that no two lists have one root.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""The root of no records (RFC 6962, 2.1)."""


class Inclusion(msgspec.Struct, frozen=True):
    """Proof that the leaf `index` (from 0) is one of `size`: the hashes of the siblings on the way up to the root."""

    index: int
    size: int
    path: tuple[bytes, ...]


def leaf_hash(record: bytes) -> bytes:
    """SHA-256 of 0x00 and the record: 32 bytes."""
    return hashlib.sha256(_LEAF + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01 and both children: 32 bytes."""
    return hashlib.sha256(_NODE + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over these leaf hashes, in their order."""
    return _levels(leaves)[-1][0] if leaves else EMPTY_ROOT


def inclusion_of(leaves: Sequence[bytes], index: int) -> Inclusion:
    """The proof for the leaf at `index`. Raises IndexError where there is none."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    path, place = [], index
    for level in _levels(leaves)[:-1]:
        sibling = place ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        place //= 2
    return Inclusion(index=index, size=len(leaves), path=tuple(path))


def includes(root: bytes, leaf: bytes, proof: Inclusion) -> bool:
    """Whether the proof leads from the leaf's hash to the root (RFC 9162, 2.1.3.2). Any proof is safe to ask about."""
    if not 0 <= proof.index < proof.size:
        return False
    place, last, found = proof.index, proof.size - 1, leaf
    for sibling in proof.path:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:  # promoted: these levels had no sibling
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def _levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    levels: list[Sequence[bytes]] = [leaves]
    while len(levels[-1]) > 1:
        levels.append(_above(levels[-1]))
    return levels


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs
