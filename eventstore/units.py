"""Units of an append, checked against one another and laid out as the arrays of `eventstore.append`."""

from collections.abc import Iterable, Sequence
from typing import Any

from .errors import InvalidAppend
from .model import AppendUnit, HeadChange, NewEvent


def append_arguments(units: Sequence[AppendUnit]) -> list[list[Any]]:
    """The arrays of `eventstore.append` after the lane, in its order: 16 of events, 11 of heads, 4 of writers.

    Raises InvalidAppend as `check_units` does.
    """
    last_events = check_units(units)
    events = [event for unit in units for event in unit.events]
    heads = [head for unit in units for head in unit.heads]
    writers = [writer for unit in units for writer in unit.writers]
    return [
        [index for index, unit in enumerate(units) for _ in unit.events],
        [event.tenant for event in events],
        [event.stream for event in events],
        [event.sequence for event in events],
        [event.version for event in events],
        [event.type for event in events],
        [event.writer for event in events],
        [event.key for event in events],
        [event.digest for event in events],
        [event.actor for event in events],
        [event.outcome for event in events],
        [event.rule_set for event in events],
        [event.occurred_at for event in events],
        [event.recorded_at for event in events],
        [event.payload for event in events],
        [event.metadata for event in events],
        [index for index, unit in enumerate(units) for _ in unit.heads],
        last_events,
        [head.tenant for head in heads],
        [head.stream for head in heads],
        [head.expected for head in heads],
        [head.sequence for head in heads],
        [head.version for head in heads],
        [head.updated_at for head in heads],
        [head.recorded_at for head in heads],
        [head.state for head in heads],
        [head.document for head in heads],
        [index for index, unit in enumerate(units) for _ in unit.writers],
        [writer.writer for writer in writers],
        [writer.expected for writer in writers],
        [writer.clock for writer in writers],
    ]


def check_units(units: Sequence[AppendUnit]) -> list[int]:
    """Answer for each head, over all units, which event is its stream's last: its place among all events, from 1.

    Raises InvalidAppend unless each stream, writer and key belongs to one unit, every unit changes the heads of
    exactly the streams that it appends to, and sequences continue from what is expected.
    """
    streams: set[tuple[str, str]] = set()
    writers: set[str] = set()
    keys: set[tuple[str, str, str]] = set()
    last_events: list[int] = []
    place = 0
    for index, unit in enumerate(units):
        ends: dict[tuple[str, str], tuple[int, int]] = {}
        expected = {(head.tenant, head.stream): head.expected for head in unit.heads}
        for event in unit.events:
            place += 1
            name = (event.tenant, event.stream)
            _check_event(index, event, ends[name][0] if name in ends else expected.get(name))
            ends[name] = (event.sequence, place)
            keys.add((event.writer, event.key, event.tenant))
        last_events.extend(_last_event(index, head, ends) for head in unit.heads)
        if len(keys) != place:
            raise InvalidAppend(unit=index, reason="a key is used twice")
        _claim(index, "stream", streams, expected, len(unit.heads))
        _claim(index, "writer", writers, [change.writer for change in unit.writers], len(unit.writers))
    return last_events


def _check_event(unit: int, event: NewEvent, before: int | None) -> None:
    if before is None:
        raise InvalidAppend(unit=unit, reason=f"stream {event.stream!r} has an event and no head")
    if event.sequence != before + 1:
        raise InvalidAppend(unit=unit, reason=f"stream {event.stream!r} goes from {before} to {event.sequence}")


def _last_event(unit: int, head: HeadChange, ends: dict[tuple[str, str], tuple[int, int]]) -> int:
    sequence, place = ends.get((head.tenant, head.stream), (None, 0))
    if sequence != head.sequence:
        raise InvalidAppend(unit=unit, reason=f"the head of {head.stream!r} is at {head.sequence}, its events are not")
    return place


def _claim(unit: int, what: str, taken: set[Any], names: Iterable[object], claims: int) -> None:
    before = len(taken)
    taken.update(names)
    if len(taken) != before + claims:
        raise InvalidAppend(unit=unit, reason=f"a {what} is changed twice")
