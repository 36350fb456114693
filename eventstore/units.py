"""Units of an append, checked against one another and laid out as the rows of `eventstore.append`."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import astuple

from .errors import InvalidAppend
from .model import AppendUnit, HeadChange, NewEvent

Rows = list[tuple[Any, ...]]


def append_rows(units: Sequence[AppendUnit]) -> tuple[Rows, Rows, Rows]:
    """Rows of `eventstore.event_row`, `.head_row` and `.writer_row`: what `eventstore.append` takes after the lane.

    Raises InvalidAppend as `check_units` does.
    """
    last_events = iter(check_units(units))
    return (
        [(number, *astuple(event)) for number, unit in enumerate(units) for event in unit.events],
        [(number, next(last_events), *astuple(head)) for number, unit in enumerate(units) for head in unit.heads],
        [(number, *astuple(writer)) for number, unit in enumerate(units) for writer in unit.writers],
    )


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
