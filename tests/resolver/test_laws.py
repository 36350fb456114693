"""The eleven laws of resolution.md hold for the resolver, and catch resolvers that break them."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings

from techdengue.domain.operation import OperationKind, Outcome, Strategy
from techdengue.resolver import Operation, Rejection, Settlement, State, Verdict, resolve
from techdengue.resolver.rule_sets import RULE_SETS, Resolve
from techdengue.testing import laws

Answer = tuple[State, Verdict] | Rejection
Event = Operation | Settlement

settings.register_profile("laws", max_examples=200, deadline=None, derandomize=True, database=None)
settings.register_profile(
    "hunt",
    max_examples=2_000,
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def profile() -> Iterator[Callable[[str], None]]:
    """Load another profile for one test; `deep` stays what it is."""
    before = settings.get_current_profile_name()
    yield lambda name: settings.load_profile(before if before == "deep" else name)
    settings.load_profile(before)


@pytest.mark.parametrize("check", laws.ALL, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("rule_set", sorted(RULE_SETS))
def test_every_rule_set_obeys_every_law(
    check: Callable[..., None], rule_set: int, profile: Callable[[str], None]
) -> None:
    profile("laws")
    check(resolve=RULE_SETS[rule_set])


def test_the_laws_are_eleven_and_each_says_its_number() -> None:
    numbers = [int((check.__doc__ or "").split("Law ")[1].split(",")[0]) for check in laws.ALL]
    assert numbers == list(range(11))


def _as(operation: Event, strategy: Strategy) -> Event:
    if isinstance(operation, Settlement):
        return operation
    return msgspec.structs.replace(operation, strategy=strategy)


def forgets_nested_leaves(state: State, event: Event, base: State | None) -> Answer:
    """Law 0: a patch only reaches the first level."""
    if isinstance(event, Operation) and event.data is not None:
        flat = {key: value for key, value in event.data.items() if not isinstance(value, dict)}
        event = msgspec.structs.replace(event, data=flat)
    return resolve(state, event, base)


class CountsCalls:
    """Laws 1 and 10: an answer depends on how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, state: State, event: Event, base: State | None) -> Answer:
        self.calls += 1
        answer = resolve(state, event, base)
        if isinstance(answer, Rejection):
            return answer
        return msgspec.structs.replace(answer[0], received_at=self.calls), answer[1]


class RemembersInMemory:
    """Law 3: what it knows is not in the state, so another process does not know it."""

    def __init__(self) -> None:
        self.previous: State | None = None

    def __call__(self, state: State, event: Event, base: State | None) -> Answer:
        answer = resolve(state, event, base)
        if isinstance(answer, Rejection):
            return answer
        known = state is self.previous
        self.previous = msgspec.structs.replace(answer[0], received_at=int(known))
        return self.previous, answer[1]


def last_arrival_wins(state: State, event: Event, base: State | None) -> Answer:
    """Law 4: the order of arrival decides."""
    late = isinstance(event, Operation) and event.strategy is Strategy.LAST_WRITE_WINS
    return resolve(state, _as(event, Strategy.CLIENT_WINS) if late else event, base)


def merges_by_keeping(state: State, event: Event, base: State | None) -> Answer:
    """Law 5: a merge keeps the server's document."""
    merging = isinstance(event, Operation) and event.strategy is Strategy.MERGE
    return resolve(state, _as(event, Strategy.SERVER_WINS) if merging else event, base)


def merges_by_overwriting(state: State, event: Event, base: State | None) -> Answer:
    """Law 6: a merge takes the client's document."""
    merging = isinstance(event, Operation) and event.strategy is Strategy.MERGE
    return resolve(state, _as(event, Strategy.CLIENT_WINS) if merging else event, base)


def opens_nothing(state: State, event: Event, base: State | None) -> Answer:
    """Law 7: a manual conflict that nobody will ever see."""
    answer = resolve(state, event, base)
    if isinstance(answer, Rejection):
        return answer
    return msgspec.structs.replace(answer[0], open=()), answer[1]


def compares_versions_alone(state: State, event: Event, base: State | None) -> Answer:
    """Law 8: a device's second offline edit conflicts with its own first one."""
    answer = resolve(state, event, base)
    if isinstance(answer, Rejection) or not isinstance(event, Operation):
        return answer
    stale = event.base_version is not None and event.base_version < state.version
    if stale and event.kind is OperationKind.UPDATE and answer[1].conflict_type is None:
        conflicting = msgspec.structs.replace(event, device="somebody else")
        return resolve(state, conflicting, base)
    return answer


def changes_without_a_version(state: State, event: Event, base: State | None) -> Answer:
    """Law 9: what changed in a conflict took no new version, so no device fetches it."""
    answer = resolve(state, event, base)
    if isinstance(answer, Rejection) or answer[1].outcome is not Outcome.CLIENT_APPLIED:
        return answer
    return msgspec.structs.replace(answer[0], version=state.version), answer[1]


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        (laws.check_leaves_are_merge_patches, forgets_nested_leaves),
        (laws.check_replay, CountsCalls()),
        (laws.check_batch_independence, RemembersInMemory()),
        (laws.check_last_write_wins_is_a_join, last_arrival_wins),
        (laws.check_merge_loses_nothing, merges_by_keeping),
        (laws.check_merge_commutes, merges_by_overwriting),
        (laws.check_the_other_three, opens_nothing),
        (laws.check_soundness, compares_versions_alone),
        (laws.check_convergence, changes_without_a_version),
        (laws.check_time_travel, CountsCalls()),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_broken_resolver_is_caught(
    check: Callable[..., None], broken: Resolve, profile: Callable[[str], None]
) -> None:
    profile("hunt")
    with pytest.raises((AssertionError, ExceptionGroup)):
        check(resolve=broken)
