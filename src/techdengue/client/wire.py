"""The bytes between device and server (protocol.md), and their structs.

Answers are read leniently: a newer server may add fields and outcomes.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from techdengue.domain.operation import EntityId, OperationKind, Outcome, SentOperation, Strategy

from .errors import UnsendableData
from .model import OpenConflict


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """An acknowledged operation."""

    idempotency_key: str
    status: str
    version: int
    already_processed: bool = False
    conflict_type: str | None = None
    server_data: dict[str, Any] | UnsetType | None = UNSET
    warnings: tuple[str, ...] = ()


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that was not recorded; `index` is its place in the request."""

    index: int
    code: str
    message: str
    path: str | None = None


class SyncAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /api/sync`."""

    processed: int
    successes: list[Settled]
    conflicts: list[OpenConflict]
    errors: list[Refused]
    server_timestamp: str

    @property
    def acknowledged(self) -> list[Settled | OpenConflict]:
        """What is on the server's disk, settled or parked."""
        return [*self.successes, *self.conflicts]

    @property
    def outcomes(self) -> list[str]:
        """The outcome of each acknowledged operation."""
        return [*(success.status for success in self.successes), *(Outcome.CONFLICT.value for _ in self.conflicts)]

    @property
    def repeated(self) -> int:
        """How many of the acknowledged the server had before."""
        return sum(each.already_processed for each in self.acknowledged)


class ChangedEntity(msgspec.Struct, frozen=True, kw_only=True):
    """An entity in its newest state."""

    entity_type: str
    entity_id: EntityId
    version: int
    deleted: bool
    data: dict[str, Any] | None = None
    municipio_cod_ibge: str = ""


class ChangesPage(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET /api/sync/changes`."""

    items: list[ChangedEntity]
    next_cursor: str | None
    has_more: bool


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457, as far as a device reads it."""

    title: str = ""
    detail: str = ""
    code: str | None = None
    status: int | None = None
    retry_after: float | None = None
    """Seconds; in messages of a stream or a WebSocket, which have no headers."""


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    operations: list[msgspec.Raw]
    batch_id: str
    device_id: str
    sent_at: str


class _WireOperation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """SentOperation as it is written: what was not sent is not there, the strategy always is."""

    entity_type: str
    entity_id: EntityId
    operation: OperationKind
    client_timestamp: str
    idempotency_key: str
    conflict_resolution_strategy: Strategy
    data: dict[str, Any] | UnsetType | None = UNSET
    base_version: int | UnsetType | None = UNSET
    municipio_cod_ibge: str | UnsetType | None = UNSET


_operation = msgspec.json.Decoder(SentOperation)
_encoder = msgspec.json.Encoder()


def encode_operation(operation: SentOperation) -> bytes:
    """The operation's bytes. Raises UnsendableData where JSON cannot carry its data."""
    fields = {name: getattr(operation, name) for name in operation.__struct_fields__}
    try:
        _check_numbers(operation.data)
        return _encoder.encode(_WireOperation(**fields))
    except (TypeError, ValueError, RecursionError) as error:
        raise UnsendableData(f"this cannot be sent as JSON: {error}") from error


def decode_operation(body: bytes) -> SentOperation:
    """The operation of these bytes. Raises msgspec.DecodeError for bytes that are none."""
    return _operation.decode(body)


def encode_request(bodies: Sequence[bytes], *, batch_id: str, device_id: str, sent_at: str) -> bytes:
    """The body of `POST /api/sync`."""
    operations = [msgspec.Raw(body) for body in bodies]
    return _encoder.encode(_Request(operations=operations, batch_id=batch_id, device_id=device_id, sent_at=sent_at))


def _check_numbers(value: Any) -> None:
    """A NaN would travel as null, and null in a merge patch removes: refuse it here."""
    match value:
        case float() if not math.isfinite(value):
            raise UnsendableData(f"{value} is not a number that JSON can carry")
        case dict():
            for inner in value.values():
                _check_numbers(inner)
        case list() | tuple():
            for inner in value:
                _check_numbers(inner)
        case _:
            return


class PartThere(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file that the object store has."""

    size: int


class MissingPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file that is still to be sent."""

    offset: int
    size: int
    url: str
    headers: dict[str, str]


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /api/evidencias/{id}/upload`."""

    status: str
    there: tuple[PartThere, ...] = ()
    missing: tuple[MissingPart, ...] = ()


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /api/evidencias/{id}/upload/complete`."""

    status: str
    version: int


def code_of(body: bytes) -> str:
    """The code of a problem document; empty for anything else."""
    return _problem(body).code or ""


def detail_of(body: bytes) -> str:
    """What a problem document says."""
    problem = _problem(body)
    return problem.detail or problem.title


def _problem(body: bytes) -> Problem:
    try:
        return msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError:
        return Problem()
