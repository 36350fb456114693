"""An event's bytes in the log: the operation as sent, and what the server noted beside it.

JSON, so that an analyst can read the log with SQL alone. Pure: no event store here.
"""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from .operation import Choice, ConflictType, EntityId, OperationKind, Strategy


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An operation or a manual resolution, as sent. `client_timestamp` is RFC 3339, UTC, raw."""

    entity_id: EntityId
    client_timestamp: str
    operation: OperationKind | UnsetType = UNSET
    data: dict[str, Any] | UnsetType = UNSET
    strategy: Strategy | UnsetType = UNSET
    base_version: int | UnsetType = UNSET
    resolves: int | UnsetType = UNSET
    choice: Choice | UnsetType = UNSET
    note: str | UnsetType = UNSET
    seals: dict[str, tuple[Any, ...]] | UnsetType = UNSET
    """Fields that an operation of the server seals, each with the values that devices may still give it."""


class BarePayload(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What of a payload decides its entity's state, with what goes for what was not sent; of millions, nothing else."""

    operation: OperationKind | None = None
    data: dict[str, Any] | None = None
    strategy: Strategy = Strategy.LAST_WRITE_WINS
    base_version: int | None = None
    resolves: int | None = None
    seals: dict[str, Any] | None = None


class Metadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the server knew when it accepted the event and a replay does not recompute."""

    conflict_type: ConflictType | None = None
    batch_id: str | None = None
    warnings: tuple[str, ...] = ()
    role: str | None = None
    """Of the user whose call the server acted on."""


_payload = msgspec.json.Decoder(Payload)
_bare_payload = msgspec.json.Decoder(BarePayload)
_metadata = msgspec.json.Decoder(Metadata)
_encoder = msgspec.json.Encoder()


def encode(part: Payload | Metadata) -> bytes:
    """The bytes that go into the log."""
    return _encoder.encode(part)


def decode_payload(raw: bytes) -> Payload:
    """Read a payload back. Raises msgspec.ValidationError for bytes that are none."""
    return _payload.decode(raw)


def decode_bare_payload(raw: bytes) -> BarePayload:
    """Read of a payload what decides. Raises msgspec.ValidationError for bytes that are none."""
    return _bare_payload.decode(raw)


def decode_metadata(raw: bytes) -> Metadata:
    """Read metadata back. Raises msgspec.ValidationError for bytes that are none."""
    return _metadata.decode(raw)
