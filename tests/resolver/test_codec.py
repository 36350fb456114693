"""What was stored stays readable; a first create is stored as it was sent, and means what the resolver makes of it."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from techdengue.domain.operation import OperationKind
from techdengue.resolver import (
    ABSENT,
    REMOVED,
    Change,
    Created,
    Operation,
    Rejection,
    State,
    assignments,
    decode_state,
    encode_created,
    encode_state,
    resolve,
    resolve_lazily,
)
from techdengue.resolver.merge_patch import patch_of
from techdengue.testing.documents import documents, merge_patches
from techdengue.testing.operations import NOON, operations

CREATE = (NOON, "d1", "k1")
UPDATE = (NOON + 9, "d2", "k2")

ONLY_CREATED = State(
    leaves={
        "": ({}, CREATE),
        "/a": (1, CREATE),
        "/b/c~1d": ([1, None], CREATE),
        "/b/e": ({}, CREATE),
        "/f": (REMOVED, CREATE),
        "/g": ("ção", CREATE),
    },
    clock=NOON,
    sequence=1,
    version=1,
    received_at=NOON + 5,
    last=Change(1, "d1", NOON, NOON + 5),
)
UPDATED = msgspec.structs.replace(
    ONLY_CREATED,
    leaves={**ONLY_CREATED.leaves, "/a": (REMOVED, UPDATE), "/b/e": (2, UPDATE)},
    clock=NOON + 9,
    sequence=2,
    version=2,
    received_at=NOON + 9,
    last=Change(2, "d2", NOON + 9, NOON + 9),
    other=ONLY_CREATED.last,
)

ONLY_CREATED_AS_LEAVES = bytes.fromhex(
    "9c010101cf00060a24181e4000cf00060a24181e4005ff9401a26431cf00060a24181e4000cf00060a24181e4005c0909193cf00060a24"
    "181e4000a26431a26b319693a0008093a22f61000193a72f622f637e3164009201c093a42f622f65008092a22f660093a22f6700a5c3a7"
    "c3a36f80"
)
"""As servers once wrote it: they laid out leaves at once."""
ONLY_CREATED_STORED = bytes.fromhex(
    "940293cf00060a24181e4000a26431a26b31cf00060a24181e400584a16101a16282a3632f649201c0a16580a166c0a167a5c3a7c3a36f"
)
UPDATED_STORED = bytes.fromhex(
    "9c010202cf00060a24181e4009cf00060a24181e4009ff9402a26432cf00060a24181e4009cf00060a24181e40099401a26431cf00060a"
    "24181e4000cf00060a24181e4005909293cf00060a24181e4000a26431a26b3193cf00060a24181e4009a26432a26b329693a0008092a2"
    "2f610193a72f622f637e3164009201c093a42f622f65010292a22f660093a22f6700a5c3a7c3a36f80"
)


@pytest.mark.parametrize(
    ("stored", "state"),
    [(ONLY_CREATED_AS_LEAVES, ONLY_CREATED), (ONLY_CREATED_STORED, ONLY_CREATED), (UPDATED_STORED, UPDATED)],
)
def test_what_was_stored_stays_readable(stored: bytes, state: State) -> None:
    decoded = decode_state(stored)
    assert decoded == state
    assert list(decoded.leaves) == list(state.leaves)


def test_states_are_written_as_they_are_stored() -> None:
    assert encode_state(ONLY_CREATED) == ONLY_CREATED_STORED
    assert encode_state(UPDATED) == UPDATED_STORED


@pytest.mark.parametrize("raw", [b"", b"\x90", b"\x91\x03", UPDATED_STORED + b"\x00", ONLY_CREATED_STORED[:-1]])
def test_what_is_no_state_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_state(raw)


@given(operations(), st.sampled_from((None, 0, 1)))
def test_a_first_create_is_what_the_resolver_makes_of_it(sent: Operation, base_version: int | None) -> None:
    operation = msgspec.structs.replace(sent, base_version=base_version)
    result, lazily = resolve(ABSENT, operation), resolve_lazily(ABSENT, operation)
    if isinstance(result, Rejection) or isinstance(lazily, Rejection):
        assert lazily == result
        return
    (state, verdict), (created, _) = result, lazily
    assert isinstance(created, Created)
    assert lazily[1] == verdict
    assert (created.sequence, created.version) == (state.sequence, state.version)
    assert created.state() == state
    assert list(created.state().leaves) == list(state.leaves)
    assert encode_created(created) == encode_state(state)
    assert decode_state(encode_created(created)) == state


@given(operations(kinds=(OperationKind.CREATE,)))
def test_only_a_first_create_is_one(operation: Operation) -> None:
    assert resolve_lazily(ONLY_CREATED, operation) == resolve(ONLY_CREATED, operation)
    sealing = msgspec.structs.replace(operation, seals={"a": ()})
    assert resolve_lazily(ABSENT, sealing) == resolve(ABSENT, sealing)


@given(st.one_of(documents(), merge_patches()))
@example({"a": {"b": 1, "c": {}}, "d": None, "": {"": [None]}, "e/f~": {"g": None}})
def test_a_patch_is_made_of_its_assignments_again(data: dict[str, Any]) -> None:
    assert msgspec.json.encode(patch_of(assignments(OperationKind.CREATE, data))) == msgspec.json.encode(data)
