"""Decisions that hang together are appended together: the units of one append.

Two jobs hang together when they have a stream or a writer in common, for then one was decided on what the other
left. A unit is appended whole or not at all.
"""

import datetime as dt
from collections.abc import Sequence

import msgspec

from eventstore import AppendUnit, HeadChange, WriterChange
from techdengue.domain.times import from_micros
from techdengue.resolver import Created, State, document, encode_created, encode_state

from .decision import Decision
from .jobs import Job
from .snapshot import Place
from .working import Working

Decided = tuple[Job, Decision]


def form_units(decided: Sequence[Decided], working: Working) -> tuple[list[AppendUnit], list[int]]:
    """The units with events, and for each job the number of its unit (-1: it appends nothing and waits for nobody)."""
    groups = _components(decided)
    units: list[AppendUnit] = []
    numbers = [-1] * len(decided)
    for members in groups:
        parts = [decided[member] for member in members]
        if any(decision.events for _, decision in parts):
            for member in members:
                numbers[member] = len(units)
            units.append(_unit(parts, working))
    return units, numbers


def _components(decided: Sequence[Decided]) -> list[list[int]]:
    """Indexes of jobs that share a stream or a writer, in the order of the jobs."""
    if _are_apart(decided):
        return [[index] for index in range(len(decided))]
    parents = list(range(len(decided)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    first: dict[str | Place, int] = {}
    for index, (job, decision) in enumerate(decided):
        shares: list[str | Place] = [job.device, *decision.places]
        for shared in shares:
            left, right = root(first.setdefault(shared, index)), root(index)
            parents[max(left, right)] = min(left, right)
    groups: dict[int, list[int]] = {}
    for index in range(len(decided)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


def _are_apart(decided: Sequence[Decided]) -> bool:
    """Whether no two jobs share anything: so it is in most groups, and told by counting."""
    writers = {job.device for job, _ in decided}
    places = set[Place]().union(*(decision.places for _, decision in decided))
    return len(writers) == len(decided) and len(places) == sum(len(decision.places) for _, decision in decided)


def _unit(parts: Sequence[Decided], working: Working) -> AppendUnit:
    events = [event for _, decision in parts for event in decision.events]
    places = dict.fromkeys((event.tenant, event.stream) for event in events)
    clocks = {job.device: decision.clock for job, decision in parts if decision.clock is not None}
    return AppendUnit(
        events=tuple(events),
        heads=tuple(_head(place, working) for place in places),
        writers=tuple(
            WriterChange(writer=writer, expected=_read_clock(writer, working), clock=clock)
            for writer, clock in clocks.items()
        ),
    )


def _read_clock(writer: str, working: Working) -> dt.datetime | None:
    micros = working.read_clock(writer)
    return None if micros is None else from_micros(micros)


def _head(place: Place, working: Working) -> HeadChange:
    entity = working.entity(place)
    if entity.created is not None:
        return _first_head(place, entity.created, entity.document)
    return _later_head(place, entity.expected, entity.state)


def _later_head(place: Place, expected: int, state: State) -> HeadChange:
    return HeadChange(
        tenant=place[0],
        stream=place[1],
        expected=expected,
        sequence=state.sequence,
        version=state.version,
        updated_at=from_micros(state.last.time if state.last else state.clock),
        recorded_at=from_micros(state.received_at),
        state=encode_state(state),
        document=_document(state),
    )


def _first_head(place: Place, created: Created, document: bytes | None) -> HeadChange:
    return HeadChange(
        tenant=place[0],
        stream=place[1],
        expected=0,
        sequence=created.sequence,
        version=created.version,
        updated_at=from_micros(created.stamp[0]),
        recorded_at=from_micros(created.received_at),
        state=encode_created(created),
        document=document or _document(created.state()),
    )


def _document(state: State) -> bytes | None:
    shown = document(state)
    return None if shown is None else msgspec.json.encode(shown)
