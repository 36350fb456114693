"""Whether the resolver and the slow model hold the same of an entity, field by field."""

from collections.abc import Sequence
from typing import Any

import msgspec

from techdengue.resolver import (
    REMOVED,
    Change,
    ClockReading,
    Operation,
    Rejection,
    Settlement,
    State,
    Verdict,
    decode_state,
    document,
    effective_time,
    encode_state,
    is_live,
)
from tests.resolver import slow_model as model


class Agreement:
    """Asks both the same questions, one entity each, and compares all that they answer."""

    def __init__(self) -> None:
        self.states: list[State] = [State()]
        self.entities: list[model.Entity] = [model.Entity()]
        self.operations: dict[int, Operation] = {}

    def ask(
        self, event: Operation | Settlement, result: tuple[State, Verdict] | Rejection
    ) -> model.Accepted | model.Refused:
        """Take the resolver's answer to an event on the last state, and compare it with the model's."""
        answer = model.resolve(self.entities[-1], event, self._base(event))
        if isinstance(answer, model.Refused):
            assert isinstance(result, Rejection), f"{event}: rejected by the model, {result} by the resolver"
            assert result.code is answer.code
            return answer
        assert not isinstance(result, Rejection), f"{event}: {answer.outcome} by the model, {result}"
        state, verdict = result
        assert (verdict.outcome, verdict.conflict_type) == (answer.outcome, answer.conflict_type), event
        assert_agree(state, answer.entity)
        self.states.append(state)
        self.entities.append(answer.entity)
        if isinstance(event, Operation):
            self.operations[state.sequence] = event
        return answer

    def _base(self, event: Operation | Settlement) -> model.Entity | None:
        asked = event.parked if isinstance(event, Settlement) else event
        base = asked.base_version
        return self.entities[base] if base is not None and base < len(self.entities) else None


def assert_agree(state: State, entity: model.Entity) -> None:
    """Document, liveness, version and everything that decides what comes next."""
    assert _comparable(document(state)) == _comparable(model.document(entity))
    assert is_live(state) == model.live(entity)
    assert state.version == model.version(entity)
    assert state.sequence == entity.sequence
    assert sorted(state.open) == sorted(entity.open)
    assert state.tombstone == model.tombstone(entity)
    held = {_pointer(path): (_leaf(value), stamp) for path, (value, stamp) in model.leaves(entity).items()}
    assert {path: (_comparable(value), stamp) for path, (value, stamp) in state.leaves.items()} == held
    assert _cuts(state) == {_pointer(path): stamp for path, stamp in model.cuts(entity).items()}
    if held:
        assert state.clock == model.clock(entity)
    assert (state.last, state.other) == _last_changes(entity.changes)


def assert_round_trip(state: State) -> None:
    """The codec loses nothing, and the same state has the same bytes."""
    raw = encode_state(state)
    decoded = decode_state(raw)
    assert decoded == state
    assert encode_state(decoded) == raw
    assert encode_state(msgspec.structs.replace(state, leaves=dict(state.leaves))) == raw


def assert_same_time(reading: ClockReading, time: int) -> None:
    """The effective time of an operation by both."""
    sent_at = None if reading.offset is None else reading.received_at - reading.offset
    expected = model.effective_time(
        reading.client_time, reading.received_at, sent_at, reading.device_clock, reading.base_clock
    )
    assert effective_time(reading) == expected
    assert time == expected[0]


def _cuts(state: State) -> dict[str, Any]:
    """The resolver notes a cut only where the leaf is `{}`: any other leaf cuts with its own stamp."""
    own = {path: stamp for path, (value, stamp) in state.leaves.items() if value != {}}
    return {**own, **state.cuts}


def _last_changes(changes: Sequence[model.Changed]) -> tuple[Change | None, Change | None]:
    if not changes:
        return None, None
    last = changes[-1]
    others = [change for change in changes if change.device != last.device]
    return Change(*last), Change(*others[-1]) if others else None


def _leaf(value: Any) -> Any:
    if value is model.REMOVAL:
        return REMOVED
    return _comparable({} if value is model.OBJECT else value)


def _comparable(value: Any) -> Any:
    return value if value is REMOVED else model.canonical(value)


def _pointer(path: model.Path) -> str:
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)
