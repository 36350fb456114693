"""A device: works without a network, syncs when there is one, loses nothing in between."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import uuid_utils
from msgspec import UNSET, UnsetType

from techdengue.domain.operation import EntityId, OperationKind, SentOperation, Strategy

from . import wire
from .channel import Carrier
from .clock import Clock, SystemClock, timestamp
from .copies import Copies
from .download import Keeps, keep_all
from .errors import UnknownOperation
from .exchange import Exchange
from .files import Files, measured
from .link import Link, TokenSource
from .memory import Memory, open_file, transaction
from .model import (
    FilesReport,
    LocalDocument,
    OpenConflict,
    PullReport,
    PushReport,
    QueuedFile,
    QueuedOperation,
    RefusedFile,
    RefusedOperation,
    SyncReport,
)
from .observer import Observer
from .queue import Queue
from .retry import Patience, RetryState, Sleep
from .sending_files import FileSender
from .transport import HttpTransport, Transport
from .view import View


def new_key() -> str:
    """A UUIDv7: time-ordered, so that the server's index pages stay warm."""
    return str(uuid_utils.uuid7())


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a device takes from the world around it; tests and the simulator put their own here."""

    clock: Clock = msgspec.field(default_factory=SystemClock)
    rng: random.Random = msgspec.field(default_factory=random.SystemRandom)
    sleep: Sleep = asyncio.sleep
    new_key: Callable[[], str] = new_key
    transport: Transport | None = None
    """None: the device opens, and closes, its own. Carriers other than HTTP need a StreamingTransport."""
    observer: Observer = msgspec.field(default_factory=Observer)
    keeps: Keeps = keep_all
    """Which entities that others made are kept when changes tell of them; what is held is always brought up to date."""


class Device:
    """One device's offline queue, local documents and sync, in one SQLite file.

    The calls that are not async work offline and return once the operation is on the local disk. A device belongs
    to one event loop and one thread. Close it, or use it in a `with` or an `async with` block.
    """

    def __init__(
        self,
        path: Path | str,
        base_url: str,
        device_id: str,
        token: TokenSource,
        *,
        carrier: Carrier = Carrier.HTTP,
        batch_size: int = 200,
        durable: bool = True,
        surroundings: Surroundings | None = None,
    ) -> None:
        """Open or create the device's file. Raises WrongDevice.

        `carrier`: what carries operations to the server. `batch_size`: most operations in one piece of it.
        `durable=False` does not wait for the disk.
        """
        around = surroundings or Surroundings()
        self.device_id = device_id
        self.batch_size = batch_size
        self._around = around
        self._connection = open_file(path, device_id, durable=durable)
        self._transport = around.transport or HttpTransport()
        self._queue = Queue(self._connection)
        self._copies = Copies(self._connection)
        self._view = View(self._queue, self._copies)
        self._exchange = Exchange(
            self._connection,
            Link(self._transport, base_url, device_id, token),
            around.clock,
            RetryState(Memory(self._connection), around.clock, around.rng),
            lambda: self.batch_size,
            carrier=carrier,
            observer=around.observer,
            keeps=around.keeps,
        )
        self._files = Files(self._connection)
        self._sender = FileSender(
            self._files,
            Link(self._transport, base_url, device_id, token),
            RetryState(Memory(self._connection), around.clock, around.rng, name="files."),
            self._is_held_back,
            around.observer,
        )
        self._busy = asyncio.Lock()
        self._sending = asyncio.Lock()

    def create(
        self,
        entity_type: str,
        entity_id: EntityId,
        data: dict[str, Any],
        *,
        strategy: Strategy = Strategy.LAST_WRITE_WINS,
        municipio: str | None = None,
    ) -> str:
        """Queue a create; answers its key. Raises UnsendableData."""
        return self._enqueue(OperationKind.CREATE, entity_type, entity_id, data, strategy, municipio)

    def update(
        self,
        entity_type: str,
        entity_id: EntityId,
        patch: dict[str, Any],
        *,
        strategy: Strategy = Strategy.LAST_WRITE_WINS,
        municipio: str | None = None,
    ) -> str:
        """Queue a JSON Merge Patch (RFC 7396); answers its key. Raises UnsendableData."""
        return self._enqueue(OperationKind.UPDATE, entity_type, entity_id, patch, strategy, municipio)

    def delete(
        self,
        entity_type: str,
        entity_id: EntityId,
        *,
        strategy: Strategy = Strategy.LAST_WRITE_WINS,
        municipio: str | None = None,
    ) -> str:
        """Queue a deletion; answers its key."""
        return self._enqueue(OperationKind.DELETE, entity_type, entity_id, UNSET, strategy, municipio)

    def attach(
        self,
        evidencia_id: EntityId,
        file: Path | str,
        data: dict[str, Any],
        *,
        strategy: Strategy = Strategy.LAST_WRITE_WINS,
        municipio: str | None = None,
    ) -> str:
        """Queue the create of an evidencia and the upload of its file; answers the operation's key.

        `hash_sha256` and `tamanho_bytes` are the file's; the file stays where it is until it is verified, and after.
        Raises UnsendableData, OSError.
        """
        path = Path(file).absolute()
        size, digest = measured(path)
        said = {**data, "hash_sha256": digest, "tamanho_bytes": size}
        with transaction(self._connection):
            named = municipio or self._territory(OperationKind.CREATE, "evidencia", evidencia_id, said)
            self._files.add(QueuedFile(evidencia_id=evidencia_id, municipio=named, path=path, size=size))
            return self._add(OperationKind.CREATE, "evidencia", evidencia_id, said, strategy, named)

    def files(self) -> Sequence[QueuedFile]:
        """Files that the server has not verified, oldest first."""
        return self._files.waiting()

    def refused_files(self) -> Sequence[RefusedFile]:
        """Files that the server will not take, oldest first; attach another one, or discard them."""
        return self._files.refused()

    def discard_file(self, file: QueuedFile) -> None:
        """Give the upload of a file up; the file itself stays."""
        self._files.remove(file)

    def get(self, entity_type: str, entity_id: EntityId, *, municipio: str | None = None) -> LocalDocument | None:
        """The entity as its user sees it, own pending work included. Raises AmbiguousEntity."""
        return self._view.get(entity_type, str(entity_id), municipio or "")

    def list(self, entity_type: str, *, municipio: str | None = None) -> Sequence[LocalDocument]:
        """All live entities of a type as their user sees them, by id."""
        return self._view.list(entity_type, municipio or "")

    def pending(self) -> Sequence[QueuedOperation]:
        """What the server has not acknowledged, oldest first."""
        return self._queue.pending()

    def pending_count(self) -> int:
        """How many operations the server has not acknowledged."""
        return self._queue.pending_count()

    def conflicts(self) -> Sequence[OpenConflict]:
        """Own operations that are recorded and wait for a person, oldest first."""
        return self._queue.conflicts()

    def dismiss(self, conflict_id: str) -> None:
        """Forget a conflict that its user has seen; on the server it stays open."""
        self._queue.remove_conflict(conflict_id)

    def refusals(self) -> Sequence[RefusedOperation]:
        """What the server would not record, oldest first; each stays until retried, edited or discarded."""
        return self._queue.refused()

    def retry(self, key: str) -> None:
        """Send a refused operation again as it is. Raises UnknownOperation."""
        self._refusal(key)
        self._queue.release(key)
        self._exchange.recorded()

    def edit(self, key: str, data: dict[str, Any]) -> str:
        """Make a corrected operation, now, in a refused one's stead; answers its key. Raises UnknownOperation."""
        refused = self._refusal(key)
        sent = refused.operation.sent
        with transaction(self._connection):
            self._queue.remove(key)
            return self._add(
                sent.operation,
                sent.entity_type,
                sent.entity_id,
                data,
                sent.conflict_resolution_strategy,
                refused.operation.municipio,
            )

    def discard(self, key: str) -> None:
        """Give a refused operation up. Raises UnknownOperation."""
        self._refusal(key)
        self._queue.remove(key)

    async def push(self, *, patience: float = 0.0) -> PushReport:
        """Send what waits. Where the server is out of reach, try again for `patience` seconds of waiting, then report.

        Raises Unauthorized, Forbidden or UnexpectedAnswer; the operations stay queued.
        """
        async with self._busy:
            return await self._exchange.push(Patience(patience, self._around.sleep))

    async def pull(self, *, patience: float = 0.0, limit: int = 500) -> PullReport:
        """Read what others changed, `limit` entities a page. Patience and errors as for `push`."""
        async with self._busy:
            return await self._exchange.pull(Patience(patience, self._around.sleep), limit)

    async def sync(self, *, patience: float = 0.0, limit: int = 500) -> SyncReport:
        """Push, then pull where the push came to its end. Patience is for both together."""
        async with self._busy:
            shared = Patience(patience, self._around.sleep)
            pushed = await self._exchange.push(shared)
            pulled = await self._exchange.pull(shared, limit) if pushed.finished else None
            return SyncReport(push=pushed, pull=pulled)

    async def upload(self, *, patience: float = 0.0) -> FilesReport:
        """Send the files whose evidencia is on the server, and have them verified. Patience and errors as for `push`.

        What a cut left unsent is sent next time, and no more than that.
        """
        async with self._sending:
            return await self._sender.send(Patience(patience, self._around.sleep))

    async def follow(self, *, limit: int = 500) -> None:
        """Send each operation as it is recorded and take changes as they come, until cancelled; reconnects by itself.

        Meanwhile `push`, `pull` and `sync` wait. Files are not sent: `upload` may be called beside it.
        Errors as for `push`; what was under way stays queued.
        """
        async with self._busy:
            await self._exchange.follow(self._around.sleep, limit)

    async def close(self) -> None:
        """Close the file and the device's own connections."""
        self._connection.close()
        if self._around.transport is None:
            await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _enqueue(
        self,
        kind: OperationKind,
        entity_type: str,
        entity_id: EntityId,
        data: dict[str, Any] | UnsetType,
        strategy: Strategy,
        municipio: str | None,
    ) -> str:
        with transaction(self._connection):
            return self._add(kind, entity_type, entity_id, data, strategy, municipio or "")

    def _add(
        self,
        kind: OperationKind,
        entity_type: str,
        entity_id: EntityId,
        data: dict[str, Any] | UnsetType,
        strategy: Strategy,
        named: str,
    ) -> str:
        municipio = named or self._territory(kind, entity_type, entity_id, data)
        sent = SentOperation(
            entity_type=entity_type,
            entity_id=entity_id,
            operation=kind,
            client_timestamp=timestamp(self._around.clock),
            idempotency_key=self._around.new_key(),
            data=data,
            conflict_resolution_strategy=strategy,
            base_version=self._base(kind, entity_type, entity_id, municipio),
            municipio_cod_ibge=UNSET if kind is OperationKind.CREATE or not municipio else municipio,
        )
        self._queue.add(QueuedOperation(sent=sent, municipio=municipio, body=wire.encode_operation(sent)))
        self._exchange.recorded()
        return sent.idempotency_key

    def _base(self, kind: OperationKind, entity_type: str, entity_id: EntityId, municipio: str) -> int | UnsetType:
        """The last version seen from the server: own pending operations never conflict, so they do not count.

        An entity that this device creates and nobody has acknowledged was seen at 0; an unknown one not at all.
        """
        copy = self._copies.find(entity_type, str(entity_id), municipio)
        if copy is not None:
            return copy.version
        waiting = self._queue.pending_for(entity_type, str(entity_id))
        created = any(operation.sent.operation is OperationKind.CREATE for operation in waiting)
        return 0 if created and kind is not OperationKind.CREATE else UNSET

    def _territory(
        self, kind: OperationKind, entity_type: str, entity_id: EntityId, data: dict[str, Any] | UnsetType
    ) -> str:
        """The entity's município where the device can tell: from its data, its atividade, or what it knows of it."""
        if kind is OperationKind.CREATE and isinstance(data, dict):
            named = data.get("municipio_cod_ibge")
            if isinstance(named, str):
                return named
            if "atividade_id" in data:
                return self._only_territory("atividade", data["atividade_id"])
        return self._only_territory(entity_type, entity_id)

    def _only_territory(self, entity_type: str, entity_id: EntityId) -> str:
        known = self._copies.territories(entity_type, str(entity_id))
        return known[0] if len(known) == 1 else ""

    def _is_held_back(self, file: QueuedFile) -> bool:
        waiting = self._queue.pending_for("evidencia", str(file.evidencia_id))
        return any(operation.sent.operation is OperationKind.CREATE for operation in waiting)

    def _refusal(self, key: str) -> RefusedOperation:
        refused = self._queue.refusal(key)
        if refused is None:
            raise UnknownOperation(key=key)
        return refused
