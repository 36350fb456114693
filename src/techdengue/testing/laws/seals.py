"""The law of seals, from rule set 2 on: what the server has sealed holds, and everything else goes on as before."""

from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from techdengue.domain.operation import Choice, OperationKind, Strategy
from techdengue.resolver import Operation, Rejection, Settlement, State, document
from techdengue.resolver import resolve as ours
from techdengue.resolver.rule_sets import Resolve
from techdengue.testing.operations import DEVICES, NOON, operations
from techdengue.testing.server import Workbench

from .run import run

SEALED: Final[dict[str, Any]] = {"status": "CONCLUIDA", "hash": "0f" * 32}
LET_THROUGH: Final[dict[str, tuple[Any, ...]]] = {"status": ("DELETADA",), "hash": ()}

Event = Operation | Settlement | None
"""None stands for the server's own operation, which seals."""

_STALE: Final[tuple[Any, ...]] = (
    "PENDENTE",
    "UPLOADING",
    "ERRO",
    "DELETADA",
    "CONCLUIDA",
    None,
    [],
    {"status": "ERRO"},
)
_DAY = 86_400_000_000


class Sealing(msgspec.Struct, frozen=True):
    """One entity's events in the order of arrival; its create is the first."""

    events: tuple[Event, ...]


def check_seals_hold(*, resolve: Resolve = ours) -> None:
    """No operation and no settlement, of whatever strategy, base, time and order, undoes what is sealed."""
    run(sealings(), lambda example: assert_seals_hold(example, resolve=resolve))


def assert_seals_hold(example: Sealing, *, resolve: Resolve = ours) -> None:
    """The law for one entity: its sealed fields show the sealed value, or one that the seal lets through, for ever."""
    workbench = Workbench(resolve)
    parked: dict[int, Operation] = {}
    sealed = False
    for event in example.events:
        before = workbench.last("")
        asked = _server(before) if event is None else _aimed(event, before, parked)
        if asked is None or (event is None and document(before) is None):
            continue
        result = workbench.decide("", asked).result
        if isinstance(result, Rejection):
            continue
        if isinstance(asked, Operation):
            parked[result[0].sequence] = asked
        sealed = sealed or event is None
        if sealed:
            _assert_sealed(result[0])


def _assert_sealed(state: State) -> None:
    found = document(state)
    for name, value in SEALED.items():
        for held in (state.leaves[f"/{name}"][0], value if found is None else found[name]):
            assert held in (value, *LET_THROUGH[name]), f"{name} became {held!r}"


def _server(before: State) -> Operation:
    """The server's operation: based on what it sees, at the entity's newest time."""
    return Operation(
        kind=OperationKind.UPDATE,
        device="server:ana",
        key=f"verified-{before.sequence}",
        time=max(NOON, before.clock + 1),
        received_at=max(NOON, before.received_at),
        data=SEALED,
        strategy=Strategy.CLIENT_WINS,
        base_version=before.version,
        seals=LET_THROUGH,
    )


def _aimed(event: Operation | Settlement, state: State, parked: dict[int, Operation]) -> Operation | Settlement | None:
    """The event with a base and a parked operation that there are; None for a settlement of nothing."""
    if isinstance(event, Operation):
        base = event.base_version
        return event if base is None else msgspec.structs.replace(event, base_version=base % (state.version + 1))
    if not state.open:
        return None
    resolves = state.open[event.resolves % len(state.open)]
    return msgspec.structs.replace(event, resolves=resolves, parked=parked[resolves], key=f"settled-{resolves}")


@st.composite
def sealings(draw: st.DrawFn) -> Sealing:
    """A create, some operations, the server's, and whatever arrives after it: stale, early, late, of any strategy."""
    created = draw(_of_devices(kinds=(OperationKind.CREATE,)))
    before = draw(st.lists(_of_devices(), max_size=3))
    after = draw(st.lists(st.one_of(_of_devices(), _of_devices(), _settlements(), st.none()), min_size=1, max_size=6))
    return Sealing((created, *before, None, *after))


def _of_devices(kinds: tuple[OperationKind, ...] = tuple(OperationKind)) -> st.SearchStrategy[Operation]:
    base = st.one_of(st.none(), st.integers(0, 9))
    return st.builds(_stale, operations(kinds=kinds), _stale_fields(), base, st.sampled_from((0, -_DAY, _DAY)))


def _stale_fields() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {}, optional={"status": st.sampled_from(_STALE), "hash": st.sampled_from(("aa" * 32, SEALED["hash"], None))}
    )


def _stale(operation: Operation, fields: dict[str, Any], base: int | None, shift: int) -> Operation:
    data = None if operation.data is None else {**operation.data, **fields}
    return msgspec.structs.replace(operation, data=data, base_version=base, time=operation.time + shift)


def _settlements() -> st.SearchStrategy[Settlement]:
    return st.builds(
        Settlement,
        choice=st.sampled_from(Choice),
        resolves=st.integers(0, 3),
        parked=st.just(Operation(kind=OperationKind.UPDATE, device=DEVICES[0], key="p", time=NOON, received_at=NOON)),
        device=st.just("console:ana"),
        key=st.just("s"),
        time=st.integers(NOON, NOON + _DAY),
        received_at=st.just(NOON + _DAY),
        data=_stale_fields(),
    )
