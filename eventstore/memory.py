"""The event store in memory: the same promises as on PostgreSQL, for tests and for what-if replays."""

import datetime as dt
from collections.abc import Sequence

import msgspec

from .errors import CheckpointMoved
from .model import Appended, AppendUnit, EventFilter, Head, NewEvent, RecordedEvent
from .stream_rows import StreamRow, stream_row
from .units import check_units


class MemoryEventStore:
    """An EventStore in this process's memory. It knows no roles: everybody sees every tenant."""

    def __init__(self) -> None:
        self._lanes: dict[int, list[RecordedEvent]] = {}
        self._streams: dict[tuple[str, str], list[RecordedEvent]] = {}
        self._heads: dict[tuple[str, str], Head] = {}
        self._keys: set[tuple[str, str, str]] = set()
        self._clocks: dict[str, dt.datetime] = {}
        self._checkpoints: dict[str, int] = {}

    async def append(self, units: Sequence[AppendUnit], lane: int = 0) -> Appended:
        check_units(units)
        first_position = await self.tail(lane) + 1
        moved = frozenset(index for index, unit in enumerate(units) if self._has_moved(unit))
        for index, unit in enumerate(units):
            if index not in moved:
                self._record(unit, lane)
        return Appended(lane=lane, first_position=first_position, moved=moved)

    async def read_stream(
        self, tenant: str, stream: str, after: int = 0, up_to: int | None = None, limit: int | None = None
    ) -> list[RecordedEvent]:
        return self._streams.get((tenant, stream), [])[after:up_to][:limit]

    async def read_streams(self, wanted: Sequence[tuple[str, str, int | None]]) -> list[RecordedEvent]:
        return [event for tenant, stream, up_to in wanted for event in self._streams.get((tenant, stream), [])[:up_to]]

    async def page_streams(self, after: tuple[str, str, int] | None, limit: int) -> list[StreamRow]:
        found = [
            stream_row(event)
            for _, events in sorted(self._streams.items())
            for event in events
            if after is None or (event.tenant, event.stream, event.sequence) > after
        ]
        return found[:limit]

    async def read_all(self, after: int, limit: int, lane: int = 0) -> list[RecordedEvent]:
        return self._lanes.get(lane, [])[after : after + limit]

    async def read_heads(self, wanted: Sequence[tuple[str, str]]) -> list[Head]:
        return [self._heads[name] for name in wanted if name in self._heads]

    async def page_heads(
        self,
        after: tuple[str, str] | None,
        limit: int,
        tenants: Sequence[str] | None = None,
        stream_prefix: str | None = None,
    ) -> list[Head]:
        names = sorted(
            (tenant, stream)
            for tenant, stream in self._heads
            if (after is None or (tenant, stream) > after)
            and (tenants is None or tenant in tenants)
            and stream.startswith(stream_prefix or "")
        )
        return [self._heads[name] for name in names[:limit]]

    async def search(
        self, wanted: EventFilter, after: int | None, limit: int, *, descending: bool = False, lane: int = 0
    ) -> list[RecordedEvent]:
        log = self._lanes.get(lane, [])
        if descending:
            log = list(reversed(log if after is None else log[: max(after - 1, 0)]))
        elif after is not None:
            log = log[after:]
        return [event for event in log if _passes(event, wanted)][:limit]

    async def tail(self, lane: int = 0) -> int:
        return len(self._lanes.get(lane, []))

    async def checkpoint(self, name: str) -> int:
        return self._checkpoints.get(name, 0)

    async def advance(self, name: str, expected: int, position: int) -> None:
        if self._checkpoints.get(name, 0) != expected:
            raise CheckpointMoved(name=name, expected=expected)
        self._checkpoints[name] = position

    def _has_moved(self, unit: AppendUnit) -> bool:
        return (
            any(len(self._streams.get((head.tenant, head.stream), [])) != head.expected for head in unit.heads)
            or any(self._clocks.get(change.writer) != change.expected for change in unit.writers)
            or any(_key(event) in self._keys for event in unit.events)
        )

    def _record(self, unit: AppendUnit, lane: int) -> None:
        log = self._lanes.setdefault(lane, [])
        for event in unit.events:
            recorded = RecordedEvent(**msgspec.structs.asdict(event), lane=lane, position=len(log) + 1)
            log.append(recorded)
            self._streams.setdefault((event.tenant, event.stream), []).append(recorded)
            self._keys.add(_key(event))
        for head in unit.heads:
            name = (head.tenant, head.stream)
            self._heads[name] = Head(
                tenant=head.tenant,
                stream=head.stream,
                sequence=head.sequence,
                version=head.version,
                position=self._streams[name][-1].position,
                updated_at=head.updated_at,
                recorded_at=head.recorded_at,
                state=head.state,
                document=head.document,
            )
        self._clocks.update({change.writer: change.clock for change in unit.writers})


def _key(event: NewEvent) -> tuple[str, str, str]:
    return (event.writer, event.key, event.tenant)


def _passes(event: RecordedEvent, wanted: EventFilter) -> bool:
    return (
        (wanted.tenants is None or event.tenant in wanted.tenants)
        and (wanted.stream is None or event.stream == wanted.stream)
        and (wanted.type_prefix is None or event.type.startswith(wanted.type_prefix))
        and (wanted.writer is None or event.writer == wanted.writer)
        and (wanted.actor is None or event.actor == wanted.actor)
        and (wanted.outcome is None or event.outcome == wanted.outcome)
        and (wanted.since is None or event.recorded_at >= wanted.since)
        and (wanted.until is None or event.recorded_at < wanted.until)
    )
