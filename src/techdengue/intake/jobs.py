"""What waits in the queue: a device's batch, a person's settlement, a finding of the server; each with its future."""

import asyncio

from techdengue.domain.access import Caller
from techdengue.domain.operation import CONSOLE_DEVICE_PREFIX, SERVER_DEVICE_PREFIX
from techdengue.domain.validation import ValidOperation, stream_name

from .model import Batch, Refusal, Resolution, Resolved, Seal, Sealed, SyncAnswer


class BatchJob:
    """One request of a device, validated: each entry is an operation or the refusal it already got.

    `device` writes, `caller`'s territory counts, and `arrived` is `time.monotonic()` at the door.
    """

    __slots__ = (
        "arrived",
        "attempts",
        "batch",
        "caller",
        "device",
        "entries",
        "future",
        "received_at",
        "size",
        "weight",
    )

    def __init__(self, batch: Batch, entries: tuple[ValidOperation | Refusal, ...]) -> None:
        self.batch = batch
        self.caller: Caller = batch.caller
        self.device: str = batch.device_id
        self.arrived: float = batch.arrived
        self.entries = entries
        self.weight = max(1, len(entries))
        self.size = batch.size
        self.attempts = 0
        self.received_at = 0
        self.future: asyncio.Future[SyncAnswer] = asyncio.get_running_loop().create_future()

    def operations(self) -> list[ValidOperation]:
        """The entries that were not refused at once."""
        return [entry for entry in self.entries if isinstance(entry, ValidOperation)]


class SettlementJob:
    """One resolution of a parked conflict, which stands at `sequence` of `(tenant, stream)`; a person at a console
    is its `device`."""

    __slots__ = (
        "arrived",
        "attempts",
        "caller",
        "conflict_id",
        "device",
        "future",
        "received_at",
        "resolution",
        "sequence",
        "size",
        "stream",
        "tenant",
        "weight",
    )

    def __init__(
        self,
        *,
        caller: Caller,
        conflict_id: str,
        tenant: str,
        stream: str,
        sequence: int,
        resolution: Resolution,
        arrived: float,
    ) -> None:
        self.caller = caller
        self.device = CONSOLE_DEVICE_PREFIX + caller.user
        self.conflict_id = conflict_id
        self.tenant = tenant
        self.stream = stream
        self.sequence = sequence
        self.resolution = resolution
        self.arrived = arrived
        self.weight = 1
        self.size = 1024
        self.attempts = 0
        self.received_at = 0
        self.future: asyncio.Future[Resolved] = asyncio.get_running_loop().create_future()


class SealJob:
    """One finding of the server, which `caller` asked for; it writes as itself."""

    __slots__ = ("arrived", "attempts", "caller", "future", "received_at", "seal", "size", "weight")

    def __init__(self, caller: Caller, seal: Seal, *, arrived: float) -> None:
        self.caller = caller
        self.seal = seal
        self.arrived = arrived
        self.weight = 1
        self.size = 1024
        self.attempts = 0
        self.received_at = 0
        self.future: asyncio.Future[Sealed] = asyncio.get_running_loop().create_future()

    @property
    def device(self) -> str:
        """Who writes: the server, on a user's call."""
        return SERVER_DEVICE_PREFIX + self.caller.user

    @property
    def place(self) -> tuple[str, str]:
        """The município and the stream of the entity."""
        return self.seal.municipio, stream_name(self.seal.entity_type, self.seal.entity_id)


Job = BatchJob | SettlementJob | SealJob
