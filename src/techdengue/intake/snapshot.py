"""The one read of a group: everything that its operations are decided on, as of one moment."""

import operator
import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from asyncpg import Connection

from eventstore import RecordedEvent
from techdengue.domain.operation import Outcome
from techdengue.domain.times import to_micros

from .jobs import BatchJob, Job, SealJob, SettlementJob
from .statements import READ

Place = tuple[str, str]
"""(tenant, stream)."""

_FEW_TENANTS = 8
"""Up to so many municípios of a caller are named one by one; beyond, the stream is looked up in all of them."""

_TOLD_AGAIN = frozenset({Outcome.MERGED.value, Outcome.SERVER_KEPT.value, Outcome.CONFLICT.value})
"""Outcomes whose answer tells more than the event row holds: a repeat folds the stream up to it."""


_sequence_of = operator.attrgetter("sequence")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is in the log already, found by its key."""

    tenant: str
    stream: str
    sequence: int
    version: int
    outcome: str
    type: str
    digest: bytes
    metadata: bytes
    recorded_at: int

    @property
    def is_told_again(self) -> bool:
        """Whether a repeat's answer needs the stream's past."""
        return self.outcome in _TOLD_AGAIN


class StoredHead(msgspec.Struct, frozen=True, kw_only=True):
    """A head as read: its state is decoded only where it is used."""

    sequence: int
    version: int
    state: bytes


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What was read. `now` is the database's time when it was, µs; `read_at` is `time.monotonic()` then."""

    known: dict[tuple[str, str], list[Known]]
    heads: dict[Place, StoredHead]
    tenants: dict[str, list[str]]
    """The tenants that have a stream of this name, among those read."""
    clocks: dict[str, int]
    owners: dict[str, str]
    pasts: dict[Place, list[RecordedEvent]]
    """First events of streams that have moved on since an operation's author saw them, up to what was seen."""
    now: int
    read_at: float


class _Wanted:
    def __init__(self) -> None:
        self.keys: dict[tuple[str, str], None] = {}
        self.places: dict[Place, None] = {}
        self.anywhere: dict[str, None] = {}
        self.writers: dict[str, None] = {}
        self.seen: dict[Place, int] = {}

    def add(self, job: Job) -> None:
        self.writers[job.device] = None
        if isinstance(job, SealJob):
            self.keys[job.device, job.seal.key] = None
            self.places[job.place] = None
            return
        if isinstance(job, SettlementJob):
            self.keys[job.device, job.resolution.idempotency_key] = None
            self.places[job.tenant, job.stream] = None
            return
        for operation in job.operations():
            self.keys[job.device, operation.key] = None
            self._entity(job, operation.stream, operation.municipio, operation.base_version or 0)
            if operation.parent is not None:
                self._entity(job, operation.parent, operation.municipio)

    def _entity(self, job: BatchJob, stream: str, municipio: str | None, seen: int = 0) -> None:
        if municipio is not None:
            self._place((municipio, stream), seen)
        elif job.caller.sees_everything or len(job.caller.municipios) > _FEW_TENANTS:
            self.anywhere[stream] = None
        else:
            for tenant in job.caller.municipios:
                self._place((tenant, stream), seen)

    def _place(self, place: Place, seen: int) -> None:
        self.places[place] = None
        if seen:
            self.seen[place] = max(seen, self.seen.get(place, 0))

    def arguments(self) -> tuple[Sequence[Any], ...]:
        writers, keys = _columns(self.keys)
        tenants, streams = _columns(place for place in self.places if place[1] not in self.anywhere)
        past_tenants, past_streams = _columns(self.seen)
        return (
            *(writers, keys, tenants, streams, list(self.anywhere), list(self.writers)),
            *(past_tenants, past_streams, list(self.seen.values())),
        )


def _columns(pairs: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    rows = list(pairs)
    return [left for left, _ in rows], [right for _, right in rows]


async def read_snapshot(connection: Connection, jobs: Sequence[Job]) -> Snapshot:
    """Read what these jobs need, in one statement, and set each job's `received_at` (the database's clock)."""
    wanted = _Wanted()
    for job in jobs:
        wanted.add(job)
    read_at = time.monotonic()
    rows = await connection.fetch(READ, *wanted.arguments())
    snapshot = _sort(rows, read_at)
    for job in jobs:
        job.received_at = snapshot.now - round((read_at - job.arrived) * 1_000_000)
    return snapshot


def _sort(rows: Sequence[Any], read_at: float) -> Snapshot:
    known: dict[tuple[str, str], list[Known]] = {}
    heads: dict[Place, StoredHead] = {}
    tenants: dict[str, list[str]] = {}
    clocks: dict[str, int] = {}
    owners: dict[str, str] = {}
    pasts: dict[Place, list[RecordedEvent]] = {}
    now = 0
    for kind, tenant, stream, sequence, version, writer, key, outcome, type_, bytes_, metadata, at, past in rows:
        match kind:
            case "event":
                event = Known(
                    tenant=tenant,
                    stream=stream,
                    sequence=sequence,
                    version=version,
                    outcome=outcome,
                    type=type_,
                    digest=bytes_,
                    metadata=metadata,
                    recorded_at=to_micros(at),
                )
                known.setdefault((writer, key), []).append(event)
            case "head":
                heads[tenant, stream] = StoredHead(sequence=sequence, version=version, state=bytes_)
                tenants.setdefault(stream, []).append(tenant)
            case "clock":
                clocks[writer] = to_micros(at)
            case "owner":
                owners[writer] = key
            case "past":
                recorded = RecordedEvent(**past)
                pasts.setdefault((recorded.tenant, recorded.stream), []).append(recorded)
            case "now":
                now = to_micros(at)
            case _:
                raise ValueError(f"read.sql answered a row of kind {kind!r}")
    for events in pasts.values():
        events.sort(key=_sequence_of)
    return Snapshot(
        known=known,
        heads=heads,
        tenants=tenants,
        clocks=clocks,
        owners=owners,
        pasts=pasts,
        now=now,
        read_at=read_at,
    )
