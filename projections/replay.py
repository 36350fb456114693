"""Events back into states: folding `resolve` over a stream, by the rule set that each event met.

Pure. Every step is held against what the log recorded (outcome, conflict type, version), so that whoever replays
also checks; a difference raises ReplayDiverged.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Final

import msgspec
from msgspec import UNSET

from eventstore import RecordedEvent, StreamEvent
from techdengue.domain.operation import Choice, Outcome, Strategy
from techdengue.domain.payload import Metadata, Payload, decode_metadata, decode_payload
from techdengue.domain.times import to_micros
from techdengue.resolver import (
    ABSENT,
    RULE_SETS,
    Operation,
    Rejection,
    Settlement,
    State,
    Verdict,
    document,
)

from .errors import ReplayDiverged

_KEPT_STATES = 16
_Event = RecordedEvent | StreamEvent
_OUTCOMES: Final = {outcome.value: outcome for outcome in Outcome}


class PastNeeded(Exception):
    """An event needs a state or a parked operation that the fold no longer holds: fold the stream anew."""


class Step(msgspec.Struct, frozen=True, dict=True):
    """One event and what it did. Documents are made when asked for; None where the entity is absent or deleted."""

    event: RecordedEvent
    payload: Payload
    metadata: Metadata
    operation: Operation | Settlement
    before: State
    after: State
    verdict: Verdict

    @cached_property
    def before_document(self) -> dict[str, Any] | None:
        """The document before the event."""
        return document(self.before)

    @cached_property
    def document(self) -> dict[str, Any] | None:
        """The document after the event."""
        return document(self.after)

    @property
    def changed(self) -> bool:
        """Whether the event made a new version."""
        return self.after.version == self.event.sequence


class StreamFold:
    """One stream, folded up to `state`; holds the latest states and the parked operations for events to come."""

    __slots__ = ("_kept", "_parked", "_states", "state")

    def __init__(self, state: State = ABSENT, *, kept: int | None = _KEPT_STATES) -> None:
        """It goes on from `state`. `kept` states back are remembered for merges; None remembers all."""
        self.state = state
        self._kept = kept
        self._states: dict[int, State] = {state.sequence: state}
        self._parked: dict[int, Operation] = {}

    def apply(self, event: RecordedEvent) -> Step:
        """Fold the next event. Raises PastNeeded, ReplayDiverged; then the fold is as it was."""
        before, payload, metadata = self.state, decode_payload(event.payload), decode_metadata(event.metadata)
        operation, verdict = self._advance(event, payload, metadata)
        return Step(event, payload, metadata, operation, before, self.state, verdict)

    def advance(self, event: _Event) -> None:
        """As `apply`, for whoever wants no more than the state."""
        self._advance(event, decode_payload(event.payload), decode_metadata(event.metadata))

    def _advance(self, event: _Event, payload: Payload, metadata: Metadata) -> tuple[Operation | Settlement, Verdict]:
        before = self.state
        if event.sequence != before.sequence + 1:
            raise _diverged(event, f"sequence {event.sequence} follows {before.sequence}")
        operation = self._operation(event, payload)
        base = self._base(operation)
        rules = RULE_SETS.get(event.rule_set)
        if rules is None:
            raise _diverged(event, f"rule set {event.rule_set} is unknown")
        result = rules(before, operation, base)
        if isinstance(result, Rejection):
            raise _diverged(event, f"it is rejected: {result.code.value}")
        after, verdict = result
        compare(event, metadata, after.version, verdict)
        self._remember(after, operation)
        return operation, verdict

    def forget(self) -> None:
        """From now on remember only the usual number of states."""
        self._kept = _KEPT_STATES
        self._trim()

    def state_at(self, sequence: int) -> State:
        """The state just after that event. Raises PastNeeded when it is no longer held."""
        if sequence == 0:
            return ABSENT
        try:
            return self._states[sequence]
        except KeyError as error:
            raise PastNeeded from error

    def _operation(self, event: _Event, payload: Payload) -> Operation | Settlement:
        if payload.resolves is UNSET:
            return operation_of(event, payload)
        if payload.choice is UNSET:
            raise _diverged(event, "a resolution names no choice")
        parked = self._parked.get(payload.resolves)
        if parked is None:
            raise PastNeeded
        return Settlement(
            choice=payload.choice,
            resolves=payload.resolves,
            parked=parked,
            device=event.writer,
            key=event.key,
            time=to_micros(event.occurred_at),
            received_at=to_micros(event.recorded_at),
            data=None if payload.data is UNSET else payload.data,
        )

    def _base(self, operation: Operation | Settlement) -> State | None:
        if isinstance(operation, Settlement):
            merges, wanted = operation.choice is Choice.MERGE, operation.parked.base_version
        else:
            merges, wanted = operation.strategy is Strategy.MERGE, operation.base_version
        if not merges or wanted is None or wanted >= self.state.version:
            return None
        return self.state_at(wanted)

    def _remember(self, after: State, operation: Operation | Settlement) -> None:
        self.state = after
        self._states[after.sequence] = after
        if isinstance(operation, Settlement):
            self._parked.pop(operation.resolves, None)
        elif after.sequence in after.open:
            self._parked[after.sequence] = operation
        self._trim()

    def _trim(self) -> None:
        if self._kept is not None and len(self._states) > self._kept:
            for sequence in list(self._states)[: -self._kept]:
                del self._states[sequence]


def operation_of(event: _Event, payload: Payload) -> Operation:
    """The resolver's operation of an event that is one. Raises ReplayDiverged for a resolution."""
    if payload.operation is UNSET:
        raise _diverged(event, "it is no operation")
    return Operation(
        kind=payload.operation,
        device=event.writer,
        key=event.key,
        time=to_micros(event.occurred_at),
        received_at=to_micros(event.recorded_at),
        data=None if payload.data is UNSET else payload.data,
        strategy=Strategy.LAST_WRITE_WINS if payload.strategy is UNSET else payload.strategy,
        base_version=None if payload.base_version is UNSET else payload.base_version,
        seals={} if payload.seals is UNSET else payload.seals,
    )


def steps_of(events: Iterable[RecordedEvent]) -> Iterator[Step]:
    """The steps of a whole stream from its first event, one at a time: whoever needs a few need not hold them all."""
    folded = StreamFold(kept=None)
    for event in events:
        try:
            yield folded.apply(event)
        except PastNeeded as error:
            raise _diverged_past(folded) from error


def fold(events: Iterable[RecordedEvent]) -> tuple[StreamFold, list[Step]]:
    """Fold a whole stream from its first event, remembering every state."""
    folded = StreamFold(kept=None)
    try:
        steps = [folded.apply(event) for event in events]
    except PastNeeded as error:
        raise _diverged_past(folded) from error
    return folded, steps


def compare(event: _Event, metadata: Metadata, version: int, verdict: Verdict) -> None:
    """Hold what the log recorded against the version and verdict that it replays to. Raises ReplayDiverged."""
    if verdict.outcome is not _OUTCOMES.get(event.outcome):
        raise _diverged(event, f"recorded as {event.outcome}, replays as {verdict.outcome.value}")
    if verdict.conflict_type is not metadata.conflict_type:
        raise _diverged(event, f"recorded as {metadata.conflict_type}, replays as {verdict.conflict_type}")
    if version != event.version:
        raise _diverged(event, f"recorded version {event.version}, replays to {version}")


def _diverged(event: _Event, reason: str) -> ReplayDiverged:
    return ReplayDiverged(lane=event.lane, position=event.position, reason=f"{event.stream}: {reason}")


def _diverged_past(folded: StreamFold) -> ReplayDiverged:
    return ReplayDiverged(
        lane=0, position=0, reason=f"the event after sequence {folded.state.sequence} refers to no earlier one"
    )
