"""The past of streams that an operation refers to: as the snapshot has it, else by a second read of the group."""

from collections.abc import Mapping, Sequence

from asyncpg import Connection

from eventstore import PostgresEventStore, RecordedEvent
from projections.replay import steps_of
from techdengue.domain.validation import ValidOperation
from techdengue.resolver import ABSENT, decode_state

from .jobs import BatchJob, Job, SettlementJob
from .off_loop import off_loop
from .snapshot import Place, Snapshot
from .working import Past


async def read_pasts(
    connection: Connection, jobs: Sequence[Job], snapshot: Snapshot
) -> tuple[Mapping[Place, Past], Mapping[Place, Sequence[RecordedEvent]]]:
    """States by sequence, and the events, of each stream whose past decides something.

    That is: an operation with a `base_version` below the head's version, a repeat whose answer tells of the document
    at that time, and the parked operation of a settlement.
    """
    needs: dict[Place, int] = {}
    for job in jobs:
        if isinstance(job, SettlementJob):
            _need(needs, snapshot, (job.tenant, job.stream), job.sequence)
        elif isinstance(job, BatchJob):
            for operation in job.operations():
                _add_needs(needs, snapshot, job, operation)
    recalled = _recall(needs, jobs, snapshot)
    if len(recalled) == len(needs):
        return recalled, {}
    events = {place: snapshot.pasts.get(place, []) for place in needs if place not in recalled}
    missing = {place: needs[place] for place, known in events.items() if len(known) < needs[place]}
    if missing:
        events.update(await _read(connection, missing))
    size = sum(len(event.payload) for stream in events.values() for event in stream)
    return {**recalled, **await off_loop(size, _all_states, events)}, events


def _recall(needs: Mapping[Place, int], jobs: Sequence[Job], snapshot: Snapshot) -> dict[Place, Past]:
    """The states that are remembered; a settlement needs the events themselves."""
    settled = {(job.tenant, job.stream) for job in jobs if isinstance(job, SettlementJob)}
    return {
        place: [ABSENT, *map(decode_state, snapshot.heads[place].past)]
        for place, up_to in needs.items()
        if place not in settled and len(snapshot.heads[place].past) >= up_to
    }


async def _read(connection: Connection, needs: Mapping[Place, int]) -> dict[Place, list[RecordedEvent]]:
    events: dict[Place, list[RecordedEvent]] = {place: [] for place in needs}
    wanted = [(tenant, stream, up_to) for (tenant, stream), up_to in needs.items()]
    for event in await PostgresEventStore(connection).read_streams(wanted):
        events[event.tenant, event.stream].append(event)
    return events


def _add_needs(needs: dict[Place, int], snapshot: Snapshot, job: BatchJob, operation: ValidOperation) -> None:
    for known in snapshot.known.get((job.device, operation.key), ()):
        if known.is_told_again:
            _need(needs, snapshot, (known.tenant, known.stream), known.sequence)
    if operation.base_version:
        for tenant in snapshot.tenants.get(operation.stream, ()):
            if job.caller.may_touch(tenant) and operation.municipio in (None, tenant):
                place = (tenant, operation.stream)
                if operation.base_version < snapshot.heads[place].version:
                    _need(needs, snapshot, place, operation.base_version)


def _need(needs: dict[Place, int], snapshot: Snapshot, place: Place, up_to: int) -> None:
    if place in snapshot.heads:
        needs[place] = max(needs.get(place, 0), up_to)


def _all_states(events: Mapping[Place, Sequence[RecordedEvent]]) -> dict[Place, Past]:
    return {place: _states(stream) for place, stream in events.items()}


def _states(events: Sequence[RecordedEvent]) -> Past:
    return [ABSENT, *(step.after for step in steps_of(events))]
