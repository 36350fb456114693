"""What this process has put on disk just now, so that the next group need not read it (docs/decisions/0022).

Nothing here is trusted: the append compares every head, clock and key that a decision was made on, and looks for the
owner of every device and the event of every repeat, so what has changed meanwhile costs a second round, and no answer.
What no append would compare is never decided on it: a job that is refused anything is read first.
"""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Final, Generic, TypeVar

import msgspec

from eventstore import AppendUnit, HeadChange, NewEvent, WriterChange
from techdengue.domain.operation import OperationKind
from techdengue.domain.times import to_micros
from techdengue.domain.validation import ValidOperation

from .jobs import BatchJob, Job
from .snapshot import Place, Snapshot, StoredHead, known_of

_SECONDS: Final = 30.0
"""How long a device's last batch is remembered, and how long one is read that had been mistaken."""
_CLOCK_SECONDS: Final = 5.0
"""How long the database's time is told from ours, before it is asked again."""
_ROOM: Final = 3 * 1024 * 1024
"""Bytes that each kind of memory may hold: a few batches of each of a hundred devices. More would be colder, for the
processor's own caches too."""
_LARGE: Final = 16 * 1024
"""Bytes from which a stream is not kept: a few would drive out all others."""
_BATCHES: Final = 40 * 1024
"""Bytes of one device's events that are kept, before only its last batch is."""
_PAST: Final = 8
"""States of a stream that are kept for operations on an older base."""
_OBJECTS: Final = 512
"""Bytes that one thing takes beside its contents, about."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class Shelf(Generic[Key, Value]):
    """The latest things put on it, as many as there is room for."""

    def __init__(self, room: int) -> None:
        self._things: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._room = self._most = room

    def put(self, key: Key, value: Value, size: int) -> None:
        """Put it on, `size` bytes large; the oldest fall off. What there could be no room for takes nothing's place."""
        self.drop(key)
        if size > self._most:
            return
        self._things[key] = (value, size)
        self._room -= size
        while self._room < 0:
            _, (_, freed) = self._things.popitem(last=False)
            self._room += freed

    def get(self, key: Key) -> Value | None:
        """What is there, if it is."""
        found = self._things.get(key)
        return None if found is None else found[0]

    def drop(self, key: Key) -> None:
        """Take it off, if it is there."""
        found = self._things.pop(key, None)
        if found is not None:
            self._room += found[1]

    def clear(self) -> None:
        """Take everything off."""
        self._room += sum(size for _, size in self._things.values())
        self._things.clear()


class _Writer(msgspec.Struct, frozen=True):
    """A device as its last batch left it."""

    clock: int
    owner: str
    at: float
    events: dict[str, NewEvent]
    """Its latest, by key."""
    size: int
    """Of its events, bytes."""


class Recent:
    """The memory of one process. `now` is a monotonic clock, in seconds."""

    def __init__(self, *, room: int = _ROOM, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._writers: Shelf[str, _Writer] = Shelf(room)
        self._heads: Shelf[Place, StoredHead] = Shelf(room)
        self._doubted: Shelf[str, float] = Shelf(room)
        self._database_time: tuple[int, float] | None = None

    def recall(self, job: Job, snapshot: Snapshot) -> bool:
        """Add to the snapshot what the job needs; False where it must be read, and then nothing was promised."""
        if not isinstance(job, BatchJob):
            return False
        writer = self._writers.get(job.device)
        if writer is None or self._now() - writer.at > _SECONDS:
            return False
        if not job.caller.may_use_device_of(writer.owner):
            return False  # it may have changed hands
        created: set[Place] = set()
        for operation in job.operations():
            if not self._recall(job, operation, writer, created, snapshot):
                return False
        snapshot.clocks[job.device] = writer.clock
        snapshot.owners[job.device] = snapshot.believed.owners[job.device] = writer.owner
        return True

    def _recall(
        self, job: BatchJob, operation: ValidOperation, writer: _Writer, created: set[Place], snapshot: Snapshot
    ) -> bool:
        tenant = operation.municipio or job.caller.only_municipio
        if tenant is None:
            return False
        place = (tenant, operation.stream)
        event = writer.events.get(operation.key)
        if event is not None:
            snapshot.known[job.device, operation.key] = [known_of(event)]
            snapshot.believed.events.append((event.writer, event.key, event.tenant))
            return (event.tenant, event.stream) == place and self._find(place, 0, (), snapshot)
        if operation.parent is not None and not self._find((tenant, operation.parent), 0, created, snapshot):
            return False
        if self._find(place, operation.base_version or 0, created, snapshot):
            return True
        created.add(place)  # a new entity, most likely; the append knows
        return operation.kind is OperationKind.CREATE

    def _find(self, place: Place, seen: int, created: Collection[Place], snapshot: Snapshot) -> bool:
        head = self._heads.get(place)
        if head is None:
            return place in created
        snapshot.add_head(place, head)
        return seen <= head.version

    def learn(self, unit: AppendUnit, owners: Mapping[str, str]) -> None:
        """A unit is on disk; `owners` are those of its devices."""
        for head in unit.heads:
            self._learn_head(head)
        events: defaultdict[str, dict[str, NewEvent]] = defaultdict(dict)
        for event in unit.events:
            events[event.writer][event.key] = event
        for change in unit.writers:
            if change.writer in owners:
                self._learn_writer(change, events[change.writer], owners[change.writer])
            else:
                self._writers.drop(change.writer)

    def _learn_head(self, head: HeadChange) -> None:
        place = (head.tenant, head.stream)
        past = _past_of(head, self._heads.get(place))
        size = sum([len(state) for state in past]) or len(head.state)
        if size < _LARGE:
            stored = StoredHead(sequence=head.sequence, version=head.version, state=head.state, past=past)
            self._heads.put(place, stored, size + _OBJECTS)
        else:
            self._heads.drop(place)

    def _learn_writer(self, change: WriterChange, events: dict[str, NewEvent], owner: str) -> None:
        now, doubted = self._now(), self._doubted.get(change.writer)
        if doubted is not None and now - doubted < _SECONDS:
            return
        size = sum([len(event.payload) for event in events.values()]) + len(events) * _OBJECTS
        before = self._writers.get(change.writer)
        if before is not None and before.size + size < _BATCHES:
            events = {**before.events, **events}
            size += before.size
        self._writers.put(change.writer, _Writer(to_micros(change.clock), owner, now, events, size), size + _OBJECTS)

    def doubt(self, job: Job) -> None:
        """What was remembered of this job did not hold: its device is read for a while."""
        if isinstance(job, BatchJob):
            self._writers.drop(job.device)
            self._doubted.put(job.device, self._now(), _OBJECTS)
            for operation in job.operations():
                tenant = operation.municipio or job.caller.only_municipio
                if tenant is not None:
                    self._heads.drop((tenant, operation.stream))

    def forget(self) -> None:
        """Nobody knows what became of the last append."""
        self._writers.clear()
        self._heads.clear()

    def read_time(self, micros: int, at: float) -> None:
        """The database's time, µs, as it was at our monotonic `at`."""
        self._database_time = (micros, at)

    def time_at(self, at: float) -> int | None:
        """The database's time, µs, at our monotonic `at`; None where it must be asked."""
        if self._database_time is None:
            return None
        micros, read_at = self._database_time
        return micros + round((at - read_at) * 1_000_000) if at - read_at < _CLOCK_SECONDS else None


def _past_of(head: HeadChange, before: StoredHead | None) -> tuple[bytes, ...]:
    """The states after events 1, 2, …, the head's own included; empty where not all of them are known, or too many."""
    known = () if before is None else before.past
    follows = len(known) == head.expected == head.sequence - 1 and head.expected < _PAST
    return (*known, head.state) if follows else ()
