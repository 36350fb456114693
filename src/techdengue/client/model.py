"""What a device shows its user: plain frozen structs."""

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from techdengue.domain.operation import EntityId, OperationKind, SentOperation


class QueuedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that waits to be sent. `body` is what goes over the wire, byte for byte each time."""

    sent: SentOperation
    municipio: str
    """The entity's município, as far as the device knows it; else empty."""
    body: bytes
    place: int = 0
    """In the queue: it grows in the order in which operations were made."""

    @property
    def key(self) -> str:
        """The idempotency key."""
        return self.sent.idempotency_key

    @property
    def entity_name(self) -> str:
        """The id as text: `123` and `"123"` name the same entity."""
        return str(self.sent.entity_id)

    def __repr__(self) -> str:
        return f"<QueuedOperation {self.sent.operation.value} {self.sent.entity_type} {self.entity_name}, {self.key}>"


class RefusedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that the server would not record. It stays until its user retries, edits or discards it."""

    operation: QueuedOperation
    code: str
    message: str
    path: str | None = None

    def __repr__(self) -> str:
        where = f" at {self.path}" if self.path else ""
        return f"<RefusedOperation {self.code}{where}: {self.message}; {self.operation!r}>"


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """The server's document as this device last saw it; `data` is None where the entity is deleted."""

    entity_type: str
    entity_id: EntityId
    municipio: str
    version: int
    data: dict[str, Any] | None
    download: int = 0


class LocalDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What the user sees: the server's document with the device's own pending operations on top."""

    entity_type: str
    entity_id: EntityId
    municipio_cod_ibge: str
    version: int | None
    """Of the server's document underneath; None where the server has none yet."""
    data: dict[str, Any]
    pending: int
    """How many own operations are not on the server yet."""


class OpenConflict(msgspec.Struct, frozen=True, kw_only=True):
    """An own operation that is recorded and waits for a person (strategy `manual`)."""

    conflict_id: str
    entity_type: str
    entity_id: EntityId
    operation: OperationKind
    idempotency_key: str
    conflict_type: str
    client_version: str
    server_version: str
    client_data: dict[str, Any] | None
    server_data: dict[str, Any] | None
    suggested_resolution: str
    already_processed: bool = False
    base_version: int | UnsetType | None = UNSET
    warnings: tuple[str, ...] = ()


class Delay(msgspec.Struct, frozen=True):
    """Why the device stopped before the end, and how long it waits before it tries again."""

    reason: str
    retry_in: dt.timedelta


class PushReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a push did. `outcomes` counts acknowledged operations by outcome of resolution.md."""

    outcomes: dict[str, int]
    refused: int
    repeated: int
    """Acknowledged operations that the server had recorded before: an answer was lost on the way."""
    clock_skew: bool
    """The server says that this device's clock is wrong."""
    left: int
    """Operations still in the queue."""
    requests: int
    delay: Delay | None = None

    @property
    def acknowledged(self) -> int:
        """Operations that are on the server's disk."""
        return sum(self.outcomes.values())

    @property
    def finished(self) -> bool:
        """Whether nothing is left to send."""
        return self.delay is None


class PullReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a pull brought. `finished` says that the device has seen everything there was."""

    received: int
    pages: int
    delay: Delay | None = None

    @property
    def finished(self) -> bool:
        """Whether the end of the changes was reached."""
        return self.delay is None


class QueuedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that belongs to an evidencia and is not verified yet. Sizes are bytes."""

    evidencia_id: EntityId
    municipio: str
    path: Path
    size: int


class RefusedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that the server will not take, and why."""

    file: QueuedFile
    code: str
    message: str


class FilesReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the files that waited. With a `problem` not all were tried: upload again later."""

    uploaded: int
    refused: int
    held_back: int
    """Their evidencia is not on the server yet: push first."""
    problem: str | None = None

    @property
    def finished(self) -> bool:
        """Whether every file that could be sent was tried."""
        return self.problem is None


class SyncReport(msgspec.Struct, frozen=True, kw_only=True):
    """A push and then a pull; there is no pull where the push could not finish."""

    push: PushReport
    pull: PullReport | None

    @property
    def finished(self) -> bool:
        """Whether everything was sent and everything seen."""
        return self.push.finished and self.pull is not None and self.pull.finished
