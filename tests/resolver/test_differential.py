"""The resolver and the slow model, each written from resolution.md alone, never disagree."""

from typing import Any

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from techdengue.domain.operation import Choice, OperationKind, Strategy
from techdengue.resolver import ClockReading, Operation, Settlement, effective_time, resolve
from techdengue.testing import History, Played, device_histories, merge_patches, operations, play
from techdengue.testing.operations import NOON
from techdengue.testing.server import base_of
from tests.resolver.agreement import Agreement, assert_round_trip, assert_same_time

EXAMPLES = settings().max_examples if settings.get_current_profile_name() == "deep" else 250
MICROS = st.one_of(st.integers(-5, 5), st.integers(-(10**8), 10**8), st.sampled_from((2_000_000, 2_000_001)))


@settings(max_examples=EXAMPLES)
@given(device_histories())
def test_resolver_and_model_agree_after_every_event_of_a_history_of_devices(history: History) -> None:
    assert_agreement(play(history))


def assert_agreement(played: Played) -> None:
    """Every attempt of a history, the rejected ones too."""
    agreements: dict[str, Agreement] = {}
    for attempt in played.attempts:
        agreements.setdefault(attempt.entity, Agreement()).ask(attempt.event, attempt.result)
        if attempt.reading is not None:
            assert_same_time(attempt.reading, attempt.event.time)


Question = tuple[Operation, int | None, Choice, int]
"""An operation; its base, as so many sequences back from the next; and how and which open conflict is settled."""

QUESTIONS = st.lists(
    st.tuples(
        operations(kinds=(*OperationKind, OperationKind.UPDATE, OperationKind.UPDATE)),
        st.one_of(st.none(), st.integers(0, 6)),
        st.sampled_from(Choice),
        st.integers(0, 5),
    ),
    min_size=3,
    max_size=10,
)


@settings(max_examples=EXAMPLES)
@given(first=operations(kinds=(OperationKind.CREATE,)), questions=QUESTIONS, patch=merge_patches())
def test_resolver_and_model_agree_on_any_times_bases_and_settlements(
    first: Operation, questions: list[Question], patch: dict[str, Any]
) -> None:
    agreement = Agreement()
    for number, (operation, back, choice, which) in enumerate([(first, None, Choice.SERVER, 0), *questions]):
        state = agreement.states[-1]
        base = None if back is None or not number else max(0, state.sequence + 1 - back)
        asked = _arriving(operation, number, base)
        agreement.ask(asked, resolve(state, asked, base_of(agreement.states, asked)))
        assert_round_trip(agreement.states[-1])
        if which < 3 and agreement.states[-1].open:
            _settle(agreement, choice, which, patch, asked)


def _arriving(operation: Operation, number: int, base_version: int | None) -> Operation:
    return Operation(
        kind=operation.kind,
        device=operation.device,
        key=f"{operation.key}{number}",
        time=operation.time,
        received_at=NOON + 60_000_000 + number,
        data=operation.data,
        strategy=operation.strategy,
        base_version=base_version,
    )


def _settle(agreement: Agreement, choice: Choice, which: int, patch: dict[str, Any], last: Operation) -> None:
    state = agreement.states[-1]
    resolves = state.open[which % len(state.open)]
    settlement = Settlement(
        choice=choice,
        resolves=resolves,
        parked=agreement.operations[resolves],
        device="console:ana",
        key=f"settle-{state.sequence}",
        time=last.received_at,
        received_at=last.received_at,
        data=patch,
    )
    base = base_of(agreement.states, settlement.parked)
    agreement.ask(settlement, resolve(state, settlement, base))
    again = Settlement(
        choice=choice, resolves=resolves, parked=settlement.parked, device="console:bia", key="again",
        time=last.received_at, received_at=last.received_at, data=patch,
    )  # fmt: skip
    agreement.ask(again, resolve(agreement.states[-1], again, base_of(agreement.states, again.parked)))


@settings(max_examples=EXAMPLES)
@given(
    client_time=MICROS,
    received_at=MICROS,
    offset=st.one_of(st.none(), MICROS),
    device_clock=st.one_of(st.none(), MICROS),
    base_clock=st.one_of(st.none(), MICROS),
)
def test_both_correct_clocks_alike(
    client_time: int, received_at: int, offset: int | None, device_clock: int | None, base_clock: int | None
) -> None:
    reading = ClockReading(
        client_time=client_time,
        received_at=received_at,
        offset=offset,
        device_clock=device_clock,
        base_clock=base_clock,
    )
    assert_same_time(reading, effective_time(reading)[0])


def test_the_histories_meet_every_outcome_and_every_conflict() -> None:
    met: set[object] = set()
    for number in range(12):  # what Hypothesis draws depends on the modules that are loaded, too
        _collect(met, number)
        if len(met) == _EVERYTHING:
            break
    assert len(met) == _EVERYTHING


_EVERYTHING = 7 + 5 + 4 + len(Strategy)
"""Outcomes; conflict types and none; choices; strategies."""


def _collect(met: set[object], number: int) -> None:
    @seed(number)
    @settings(max_examples=250, derandomize=False, database=None, deadline=None)
    @given(device_histories())
    def play_one(history: History) -> None:
        for attempt in play(history).log:
            met.update((attempt.verdict.outcome, attempt.verdict.conflict_type))
            met.add(attempt.event.choice if isinstance(attempt.event, Settlement) else attempt.event.strategy)

    play_one()
