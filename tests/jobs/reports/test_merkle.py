"""The tree is RFC 6962's: its known roots, its proofs, and no two lists with one root."""

import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.reports.merkle import EMPTY_ROOT, Inclusion, includes, inclusion_of, leaf_hash, node_hash, root_of

# The inputs and roots that implementations of Certificate Transparency test with.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

records = st.lists(st.binary(max_size=40), min_size=1, max_size=70)
hashes = st.binary(min_size=32, max_size=32)


def told_by_the_rfc(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, as the text has it: split at the largest power of two below the length."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = _split(len(entries))
    return hashlib.sha256(b"\x01" + told_by_the_rfc(entries[:k]) + told_by_the_rfc(entries[k:])).digest()


def path_told_by_the_rfc(m: int, entries: list[bytes]) -> tuple[bytes, ...]:
    """PATH of RFC 6962, 2.1.1."""
    if len(entries) == 1:
        return ()
    k = _split(len(entries))
    if m < k:
        return (*path_told_by_the_rfc(m, entries[:k]), told_by_the_rfc(entries[k:]))
    return (*path_told_by_the_rfc(m - k, entries[k:]), told_by_the_rfc(entries[:k]))


def _split(length: int) -> int:
    k = 1
    while k * 2 < length:
        k *= 2
    return k


@pytest.mark.parametrize("size", range(1, 9))
def test_the_known_roots_come_out(size: int) -> None:
    entries = [bytes.fromhex(text) for text in INPUTS[:size]]
    assert root_of([leaf_hash(entry) for entry in entries]).hex() == ROOTS[size - 1]


def test_no_records_have_the_root_of_nothing() -> None:
    assert root_of([]) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(entries=records)
def test_root_and_every_path_are_those_of_the_rfcs_definitions(entries: list[bytes]) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    assert root_of(leaves) == told_by_the_rfc(entries)
    for index in range(len(entries)):
        proof = inclusion_of(leaves, index)
        assert proof == Inclusion(index, len(entries), path_told_by_the_rfc(index, entries))
        assert includes(root_of(leaves), leaves[index], proof)


@given(entries=records, data=st.data())
@example(entries=[b"a", b"b", b"c"], data=None)
def test_a_proof_serves_no_other_leaf_place_size_or_root(entries: list[bytes], data: st.DataObject | None) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    root = root_of(leaves)
    index = 0 if data is None else data.draw(st.integers(0, len(entries) - 1))
    proof = inclusion_of(leaves, index)
    foreign = leaf_hash(b"a record of no list" * 4)
    assert not includes(root, foreign, proof)
    assert not includes(node_hash(root, root), leaves[index], proof)
    for other in range(len(entries)):
        if leaves[other] != leaves[index]:
            assert not includes(root, leaves[other], proof)
    for broken in range(len(proof.path)):
        path = (*proof.path[:broken], foreign, *proof.path[broken + 1 :])
        assert not includes(root, leaves[index], Inclusion(proof.index, proof.size, path))
    assert not includes(root, leaves[index], Inclusion(proof.index, proof.size, (*proof.path, foreign)))
    if proof.path:
        assert not includes(root, leaves[index], Inclusion(proof.index, proof.size, proof.path[:-1]))


@given(leaf=hashes, root=hashes, index=st.integers(-3, 2**70), size=st.integers(-3, 2**70), path=st.lists(hashes))
def test_any_made_up_proof_is_answered_with_no(
    leaf: bytes, root: bytes, index: int, size: int, path: list[bytes]
) -> None:
    assert not includes(root, leaf, Inclusion(index, size, tuple(path))) or leaf == root


@given(first=records, second=records)
@example(first=[b"a", b"b", b"c"], second=[b"a", b"b", b"c", b"c"])
def test_two_lists_never_have_one_root(first: list[bytes], second: list[bytes]) -> None:
    same = root_of([leaf_hash(e) for e in first]) == root_of([leaf_hash(e) for e in second])
    assert same == (first == second)


def test_a_node_does_not_pass_for_a_leaf() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != root_of([left, right])


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_proof_for_what_is_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        inclusion_of([leaf_hash(b"x")] * 3, index)
