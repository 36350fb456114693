"""The server of `play`: known keys, device clocks, a log, and the states that a resolver makes of it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from techdengue.domain.operation import Choice, OperationKind, Strategy
from techdengue.resolver import (
    ABSENT,
    ClockReading,
    Operation,
    Rejection,
    Settlement,
    State,
    Verdict,
    decode_state,
    effective_time,
    encode_state,
)
from techdengue.resolver.rule_sets import Resolve


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One operation as a device sends it."""

    entity: str
    kind: OperationKind
    data: dict[str, Any] | None
    client_time: int
    key: str
    strategy: Strategy
    base_version: int | None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One batch, with the server's time of arrival and what the device said of its own clock."""

    device: str
    operations: tuple[Sent, ...]
    received_at: int
    sent_at: int | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person at the console decides about the operation parked at `resolves`."""

    entity: str
    resolves: int
    choice: Choice
    data: dict[str, Any]
    device: str
    key: str
    received_at: int


Arrival = Request | Decision

Result = tuple[State, Verdict] | Rejection


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One question to the resolver, and its answer."""

    entity: str
    event: Operation | Settlement
    before: State
    base: State | None
    result: Result
    reading: ClockReading | None = None

    @property
    def verdict(self) -> Verdict:
        """What became of an accepted one."""
        if isinstance(self.result, Rejection):
            raise TypeError(f"rejected: {self.result.code}")
        return self.result[1]


class Workbench:
    """The states of every entity, and the one way of asking the resolver about the next event."""

    def __init__(self, resolve: Resolve, *, stored: bool = False) -> None:
        """`stored` keeps no state in memory: each goes through its bytes, as between two server processes."""
        self._resolve = resolve
        self._stored = stored
        self._states: dict[str, list[State | bytes]] = {}
        self.verdicts: list[Verdict] = []

    def restore(self, entity: str, states: Sequence[State]) -> None:
        """Begin with an entity that has a past: one state per sequence from 0."""
        self._states[entity] = list(states)

    def entities(self) -> list[str]:
        """Entities that have events."""
        return [entity for entity, states in self._states.items() if len(states) > 1]

    def states(self, entity: str) -> list[State]:
        """The entity's states: number n is that after sequence n."""
        kept = self._states.get(entity, [ABSENT])
        return [decode_state(state) if isinstance(state, bytes) else state for state in kept]

    def last(self, entity: str) -> State:
        """The entity's state now."""
        return self.states(entity)[-1]

    def encoded(self) -> dict[str, list[bytes]]:
        """Every state of every entity as bytes."""
        return {entity: [encode_state(state) for state in self.states(entity)] for entity in self.entities()}

    def decide(self, entity: str, event: Operation | Settlement, reading: ClockReading | None = None) -> Attempt:
        """Ask, and keep what is accepted."""
        states = self.states(entity)
        asked = event.parked if isinstance(event, Settlement) else event
        base = base_of(states, asked)
        result = self._resolve(states[-1], event, base)
        if not isinstance(result, Rejection):
            after = encode_state(result[0]) if self._stored else result[0]
            self._states.setdefault(entity, [ABSENT]).append(after)
            self.verdicts.append(result[1])
        return Attempt(entity=entity, event=event, before=states[-1], base=base, result=result, reading=reading)


class Server:
    """Takes arrivals in order. A key that is known is answered as it was, and changes nothing."""

    def __init__(self, resolve: Resolve, *, stored: bool = False) -> None:
        """`stored` as for the Workbench."""
        self.workbench = Workbench(resolve, stored=stored)
        self.log: list[Attempt] = []
        self.attempts: list[Attempt] = []
        self._known: dict[tuple[str, str], Attempt] = {}
        self._clocks: dict[str, int] = {}

    def states(self) -> dict[str, State]:
        """The state of every entity now."""
        return {entity: self.workbench.last(entity) for entity in self.workbench.entities()}

    def receive(self, arrival: Arrival) -> list[Attempt]:
        """Answer a batch, or a person's decision."""
        if isinstance(arrival, Decision):
            return [self._decide(arrival)]
        return [self._operate(arrival, sent) for sent in arrival.operations]

    def _operate(self, request: Request, sent: Sent) -> Attempt:
        known = self._known.get((request.device, sent.key))
        if known is not None:
            return known
        reading = self._reading(request, sent)
        operation = Operation(
            kind=sent.kind,
            device=request.device,
            key=sent.key,
            time=effective_time(reading)[0],
            received_at=request.received_at,
            data=sent.data,
            strategy=sent.strategy,
            base_version=sent.base_version,
        )
        return self._append(sent.entity, operation, reading)

    def _reading(self, request: Request, sent: Sent) -> ClockReading:
        states = self.workbench.states(sent.entity)
        base_clock = None
        if sent.base_version is not None and sent.base_version < len(states):
            base = states[sent.base_version]
            base_clock = base.clock if base.sequence else None
        return ClockReading(
            client_time=sent.client_time,
            received_at=request.received_at,
            offset=None if request.sent_at is None else request.received_at - request.sent_at,
            device_clock=self._clocks.get(request.device),
            base_clock=base_clock,
        )

    def _decide(self, decision: Decision) -> Attempt:
        parked = self.workbench.states(decision.entity)
        first = next(
            attempt
            for attempt in self.log
            if attempt.entity == decision.entity and attempt.before.sequence + 1 == decision.resolves
        )
        if isinstance(first.event, Settlement) or decision.resolves >= len(parked):
            raise ValueError(f"nothing was parked at {decision.resolves}")
        settlement = Settlement(
            choice=decision.choice,
            resolves=decision.resolves,
            parked=first.event,
            device=decision.device,
            key=decision.key,
            time=decision.received_at,
            received_at=decision.received_at,
            data=decision.data,
        )
        return self._append(decision.entity, settlement, None)

    def _append(self, entity: str, event: Operation | Settlement, reading: ClockReading | None) -> Attempt:
        attempt = self.workbench.decide(entity, event, reading)
        self.attempts.append(attempt)
        if not isinstance(attempt.result, Rejection):
            self.log.append(attempt)
            self._known[event.device, event.key] = attempt
            self._clocks[event.device] = event.time
        return attempt


def base_of(states: Sequence[State], operation: Operation) -> State | None:
    """The state at an operation's base version, where that is below the current one: what the resolver needs."""
    version = operation.base_version
    return states[version] if version is not None and version < states[-1].version else None
