"""The working set of a group: the snapshot, and on top of it what the group's own operations have done so far."""

from collections.abc import Mapping, Sequence

from techdengue.domain.access import Caller
from techdengue.resolver import ABSENT, Created, State, decode_state

from .model import Answer
from .snapshot import Known, Place, Snapshot

Past = Sequence[State]
"""A stream's states by sequence: `past[0]` is ABSENT, `past[n]` the state after event n."""


class Entity:
    """One stream while a group is decided: as read, and as the group leaves it."""

    __slots__ = ("_since", "created", "document", "expected", "past", "size")

    def __init__(self, state: State, size: int, past: Past) -> None:
        self.expected = state.sequence
        self.size = size
        self.past = past
        self.created: Created | None = None
        """Where the group created the entity, and has not looked at its state since."""
        self.document: bytes | None = None
        """The JSON of what was created, where that is the document: it removes nothing."""
        self._since = [state]

    @property
    def state(self) -> State:
        """The state after the stream's last event."""
        if self.created is not None:
            self._since.append(self.created.state())
            self.created = None
        return self._since[-1]

    def advance(self, after: State | Created, size: int, data: bytes | None = None) -> None:
        """The stream got one more event, whose payload has `size` bytes; `data` is the JSON in it."""
        self.size += size
        if isinstance(after, State):
            self._since.append(after)
        else:
            self.created = after
            self.document = None if data is None or b"null" in data else data

    def at(self, sequence: int) -> State:
        """The state just after an event. Raises LookupError where the past that was read does not reach."""
        if sequence >= self.state.version:
            return self.state
        if sequence >= self._since[0].version:
            return self._since[max(0, sequence - self.expected)]
        return self.past[sequence] if sequence else ABSENT


class Working:
    """What the next operation of a group is decided on."""

    def __init__(self, snapshot: Snapshot, pasts: Mapping[Place, Past]) -> None:
        self._snapshot = snapshot
        self._pasts = pasts
        self._entities: dict[Place, Entity] = {}
        self._clocks: dict[str, int] = {}
        self._created: dict[str, list[str]] = {}
        self._answers: dict[tuple[str, str, str], tuple[bytes, Answer]] = {}

    def entity(self, place: Place) -> Entity:
        """A stream's working state; one that does not exist yet is ABSENT."""
        entity = self._entities.get(place)
        if entity is None:
            head = self._snapshot.heads.get(place)
            past = self.past(place)
            if head is None:
                entity = Entity(ABSENT, 0, past)
            else:
                entity = Entity(decode_state(head.state), len(head.state), past)
            self._entities[place] = entity
        return entity

    def past(self, place: Place) -> Past:
        """As much of a stream's past as was read."""
        return self._pasts.get(place, ())

    def tenants_of(self, stream: str, caller: Caller) -> list[str]:
        """The municípios of the caller's territory that have this entity."""
        found = self._snapshot.tenants.get(stream, ()), self._created.get(stream, ())
        return [tenant for tenants in found for tenant in tenants if caller.may_touch(tenant)]

    def created(self, place: Place) -> None:
        """The group created this stream."""
        self._created.setdefault(place[1], []).append(place[0])

    def known(self, writer: str, key: str) -> Sequence[Known]:
        """Events of the log with this key."""
        return self._snapshot.known.get((writer, key), ())

    def answered(self, tenant: str, writer: str, key: str) -> tuple[bytes, Answer] | None:
        """The digest and the answer of an operation with this key in the same group."""
        return self._answers.get((tenant, writer, key))

    def remember(self, tenant: str, writer: str, key: str, digest: bytes, answer: Answer) -> None:
        """Keep the answer of an operation that the group records, for its repeats."""
        self._answers[tenant, writer, key] = (digest, answer)

    def clock(self, writer: str) -> int | None:
        """The writer's previous effective time, µs."""
        return self._clocks.get(writer, self._snapshot.clocks.get(writer))

    def read_clock(self, writer: str) -> int | None:
        """The writer's effective time as it was read: what the append must still find."""
        return self._snapshot.clocks.get(writer)

    def set_clock(self, writer: str, time: int) -> None:
        """The writer's latest effective time is now this."""
        self._clocks[writer] = time
