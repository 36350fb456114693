"""The one read of a group: what its operations are decided on and this process does not remember (recent.py)."""

import operator
import time
from collections.abc import Iterable, Sequence
from typing import Any

from asyncpg import Connection

from eventstore import RecordedEvent
from techdengue import telemetry
from techdengue.domain.times import to_micros

from .jobs import BatchJob, Job, SealJob, SettlementJob
from .recent import Recent
from .snapshot import Known, Place, Snapshot, StoredHead
from .statements import READ

_FEW_TENANTS = 8
"""Up to so many municípios of a caller are named one by one; beyond, the stream is looked up in all of them."""

_QUICK_SECONDS = 0.5
"""How long a read may take for the time in it to be remembered: it tells the time after the read as that before it."""

_sequence_of = operator.attrgetter("sequence")


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


async def read_snapshot(connection: Connection, jobs: Sequence[Job], recent: Recent, *, remembering: bool) -> Snapshot:
    """What these jobs need: as remembered, where that will do, else read in one statement. Sets each job's
    `received_at` (the database's clock)."""
    snapshot = Snapshot(read_at=time.monotonic())
    unread = [job for job in jobs if not (remembering and recent.recall(job, snapshot))]
    now = recent.time_at(snapshot.read_at)
    if unread or now is None:
        await _read(connection, unread, snapshot)
        if time.monotonic() - snapshot.read_at < _QUICK_SECONDS:
            recent.read_time(snapshot.now, snapshot.read_at)
    else:
        snapshot.now = now
        telemetry.EVENTSTORE_REMEMBERED.inc()
    for job in jobs:
        job.received_at = snapshot.now - round((snapshot.read_at - job.arrived) * 1_000_000)
    return snapshot


async def _read(connection: Connection, jobs: Sequence[Job], snapshot: Snapshot) -> None:
    wanted = _Wanted()
    for job in jobs:
        wanted.add(job)
    _sort(await connection.fetch(READ, *wanted.arguments()), snapshot)


def _sort(rows: Sequence[Any], snapshot: Snapshot) -> None:
    """Add what was read to the snapshot; where both know, it is what was read that counts."""
    known: dict[tuple[str, str], list[Known]] = {}
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
                snapshot.add_head((tenant, stream), StoredHead(sequence=sequence, version=version, state=bytes_))
            case "clock":
                snapshot.clocks[writer] = to_micros(at)
            case "owner":
                snapshot.owners[writer] = key
            case "past":
                recorded = RecordedEvent(**past)
                snapshot.pasts.setdefault((recorded.tenant, recorded.stream), []).append(recorded)
            case "now":
                snapshot.now = to_micros(at)
            case _:
                raise ValueError(f"read.sql answered a row of kind {kind!r}")
    snapshot.known.update(known)
    for events in snapshot.pasts.values():
        events.sort(key=_sequence_of)
