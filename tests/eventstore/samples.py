"""Units of events for the event store's tests: short to write, different from one another."""

import datetime as dt
from collections.abc import Sequence

from eventstore import AppendUnit, HeadChange, NewEvent, WriterChange

EPOCH = dt.datetime(2024, 1, 15, 14, 30, tzinfo=dt.UTC)


def at(microseconds: int) -> dt.datetime:
    """A time so many µs after the beginning of the tests' time."""
    return EPOCH + dt.timedelta(microseconds=microseconds)


def event(
    stream: str,
    sequence: int,
    key: str | None = None,
    *,
    writer: str = "d",
    tenant: str = "5103403",
    kind: str = "update",
) -> NewEvent:
    """An event whose every field can be told from its neighbours'."""
    return NewEvent(
        tenant=tenant,
        stream=stream,
        sequence=sequence,
        version=sequence,
        type=f"{stream.partition('/')[0]}.{kind}",
        writer=writer,
        key=key or f"{stream}#{sequence}",
        digest=f"digest of {stream} {sequence}".encode(),
        actor=f"user of {writer}",
        outcome="applied",
        rule_set=1,
        occurred_at=at(sequence),
        recorded_at=at(sequence * 1000),
        payload=f"\x00payload of {stream} {sequence}".encode(),
        metadata=b"\xff",
    )


def unit(*events: NewEvent, clocks: Sequence[WriterChange] = (), document: bytes | None = b"{}") -> AppendUnit:
    """The events as one unit, with heads that expect the sequence before each stream's first event."""
    ends: dict[tuple[str, str], tuple[NewEvent, NewEvent]] = {}
    for new in events:
        first, _ = ends.get((new.tenant, new.stream), (new, new))
        ends[new.tenant, new.stream] = (first, new)
    heads = tuple(
        HeadChange(
            tenant=last.tenant,
            stream=last.stream,
            expected=first.sequence - 1,
            sequence=last.sequence,
            version=last.version,
            updated_at=last.occurred_at,
            recorded_at=last.recorded_at,
            state=f"state of {last.stream} {last.sequence}".encode(),
            document=document,
        )
        for first, last in ends.values()
    )
    return AppendUnit(events=events, heads=heads, writers=tuple(clocks))


def clock(writer: str, expected: int | None, now: int) -> WriterChange:
    """A writer's clock goes from µs `expected` to µs `now`."""
    return WriterChange(writer=writer, expected=None if expected is None else at(expected), clock=at(now))
