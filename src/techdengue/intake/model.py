"""What goes into the intake and what comes out: the answers are the structs of the wire (protocol.md)."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from techdengue.domain.access import Caller
from techdengue.domain.operation import (
    Choice,
    ConflictType,
    EntityId,
    ErrorCode,
    OperationKind,
    Outcome,
    SentOperation,
    Strategy,
)


class Malformed(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that could not even be decoded: it is answered in `errors`, its neighbours go on.

    The four names hold whatever could be read of them, else None.
    """

    message: str
    path: str
    entity_type: Any = None
    entity_id: Any = None
    operation: Any = None
    idempotency_key: Any = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One device's request. Times are µs since the epoch; `arrived` is `time.monotonic()` at the door."""

    caller: Caller
    device_id: str
    operations: tuple[SentOperation | Malformed, ...]
    arrived: float
    size: int
    """Bytes of the unpacked request: what it weighs in the queue."""
    batch_id: str | None = None
    sent_at: int | None = None
    address: str | None = None
    """Where it came from, for the audit trail."""


class Success(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that is in the log and is settled."""

    entity_type: str
    entity_id: EntityId
    operation: OperationKind
    idempotency_key: str
    status: Outcome
    version: int
    already_processed: bool = False
    conflict_type: ConflictType | UnsetType = UNSET
    strategy: Strategy | UnsetType = UNSET
    server_data: msgspec.Raw | UnsetType | None = UNSET
    warnings: tuple[str, ...] | UnsetType = UNSET


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that is in the log and waits for a person (strategy `manual`)."""

    conflict_id: str
    entity_type: str
    entity_id: EntityId
    operation: OperationKind
    idempotency_key: str
    conflict_type: ConflictType
    client_version: str
    server_version: str
    client_data: dict[str, Any] | None
    server_data: msgspec.Raw | None
    suggested_resolution: str
    already_processed: bool = False
    base_version: int | UnsetType = UNSET
    warnings: tuple[str, ...] | UnsetType = UNSET


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that was not recorded; its key is free. `index` is its place in the request, from 0."""

    entity_type: Any
    entity_id: Any
    operation: Any
    idempotency_key: Any
    index: int
    code: ErrorCode
    message: str
    path: str | UnsetType = UNSET


Answer = Success | Parked | Refusal


class SyncAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /api/sync`; each list keeps the order of the request."""

    batch_id: str | None
    processed: int
    successes: list[Success]
    conflicts: list[Parked]
    errors: list[Refusal]
    server_timestamp: str


class Resolution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's decision on a parked conflict (`POST /api/conflicts/{id}/resolution`)."""

    choice: Choice
    idempotency_key: str
    data: dict[str, Any] | UnsetType = UNSET
    note: str | UnsetType = UNSET


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """What the server has found out of an entity, to be written into its document and sealed (docs/resolution.md).

    `key` names this very finding: sent again, it changes nothing.
    """

    municipio: str
    entity_type: str
    entity_id: EntityId
    key: str
    expected: dict[str, tuple[Any, ...]]
    """Values that each of these fields must still show, None for nothing: what the finding was made on."""
    data: dict[str, Any]
    seals: dict[str, tuple[Any, ...]]
    """Fields, each with the values that devices may still give it."""
    object_key: str
    """Of the file that was verified."""
    sniffed_type: str


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What a seal answers. `at` is when it was recorded, RFC 3339."""

    version: int
    at: str
    already_processed: bool = False


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a settled conflict answers: who settled it, when and how."""

    conflict_id: str
    choice: Choice
    resolved_by: str
    resolved_at: str
    version: int
    already_processed: bool = False
    note: str | UnsetType = UNSET
