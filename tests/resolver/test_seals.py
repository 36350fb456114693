"""What the server has sealed holds against every strategy, base, time and order; what is open goes on as before."""

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from techdengue.domain.operation import Choice, ConflictType, OperationKind, Outcome, Strategy
from techdengue.resolver import (
    RULE_SETS,
    Operation,
    Rejection,
    Settlement,
    State,
    Verdict,
    barred,
    decode_state,
    document,
    encode_state,
    resolve,
)
from techdengue.testing import operations
from techdengue.testing.laws.seals import LET_THROUGH, SEALED, Sealing, assert_seals_hold, check_seals_hold, sealings

NOON = 1_700_000_000_000_000
HASH, OTHER_HASH = SEALED["hash"], "aa" * 32
RULE_SETS_WITH_SEALS = [number for number in RULE_SETS if number >= 2]


def made(data: dict[str, Any] | None, **fields: Any) -> Operation:
    """An operation of device `d1` at noon, an update unless told otherwise."""
    given_fields = {"kind": OperationKind.UPDATE, "device": "d1", "key": "k", "time": NOON, "received_at": NOON}
    return Operation(**{**given_fields, "data": data, **fields})


def after(state: State, *events: Operation | Settlement) -> tuple[State, Verdict]:
    verdict: Verdict | None = None
    for event in events:
        base = state
        result = resolve(state, event, base)
        assert not isinstance(result, Rejection)
        state, verdict = result
    assert verdict is not None
    return state, verdict


@pytest.fixture
def sealed() -> State:
    created = made({"hash": HASH, "status": "PENDENTE", "descricao": "vaso"}, kind=OperationKind.CREATE, key="c")
    server = made(
        SEALED, device="server:ana", key="v", strategy=Strategy.CLIENT_WINS, base_version=1, seals=LET_THROUGH
    )
    return after(State(), created, server)[0]


@pytest.mark.parametrize("rule_set", RULE_SETS_WITH_SEALS)
def test_nothing_that_arrives_undoes_a_seal(rule_set: int) -> None:
    check_seals_hold(resolve=RULE_SETS[rule_set])


def test_the_law_of_seals_catches_a_resolver_without_them() -> None:
    created = made({**SEALED, "status": "PENDENTE"}, kind=OperationKind.CREATE)
    stale = made({"status": "ERRO"}, device="d2", time=NOON + 1, strategy=Strategy.CLIENT_WINS)
    example = Sealing((created, None, stale))
    assert_seals_hold(example)
    with pytest.raises(AssertionError, match="status became 'ERRO'"):
        assert_seals_hold(example, resolve=RULE_SETS[1])


@pytest.mark.parametrize(
    ("strategy", "base_version", "shift", "status"),
    list(
        itertools.product(Strategy, (None, 0, 1, 2), (-1_000_000, 0, 86_400_000_000), ("PENDENTE", "UPLOADING", "ERRO"))
    ),
)
def test_no_stale_or_late_status_of_a_device_undoes_a_verified_one(
    sealed: State, strategy: Strategy, base_version: int | None, shift: int, status: str
) -> None:
    stale = made({"status": status}, key="s", strategy=strategy, base_version=base_version, time=NOON + shift)
    state, verdict = after(sealed, stale)
    found = document(state)
    assert found is not None
    assert found["status"] == "CONCLUIDA"
    assert verdict == Verdict(Outcome.SERVER_KEPT, ConflictType.UPDATE_UPDATE)
    assert state.open == ()


def test_the_rest_of_a_patch_takes_effect_and_the_device_is_told(sealed: State) -> None:
    state, verdict = after(sealed, made({"status": "ERRO", "descricao": "pneu"}, key="s", base_version=2))
    assert document(state) == {"hash": HASH, "status": "CONCLUIDA", "descricao": "pneu"}
    assert verdict == Verdict(Outcome.MERGED, ConflictType.UPDATE_UPDATE)


def test_what_is_sealed_already_is_nothing_to_do(sealed: State) -> None:
    state, verdict = after(sealed, made({"hash": HASH}, key="s", base_version=0))
    assert (verdict, state.version) == (Verdict(Outcome.NO_CHANGE), sealed.version)
    state, verdict = after(sealed, made({"hash": HASH, "descricao": "pneu"}, key="t", base_version=2))
    assert verdict == Verdict(Outcome.APPLIED)


def test_a_seal_lets_through_what_it_names_and_that_stays(sealed: State) -> None:
    state, verdict = after(sealed, made({"status": "DELETADA"}, key="s", base_version=2))
    assert verdict.outcome is Outcome.APPLIED
    for number, strategy in enumerate(Strategy):
        late = made({"status": "UPLOADING"}, device="d2", key=f"l{number}", strategy=strategy, time=NOON + 60_000_000)
        state, verdict = after(state, late)
        assert (document(state) or {})["status"] == "DELETADA"


@pytest.mark.parametrize("choice", [Choice.CLIENT, Choice.MERGE, Choice.CUSTOM])
def test_a_parked_operation_does_not_undo_it_when_it_is_settled_later(choice: Choice) -> None:
    created = made({"hash": HASH, "status": "PENDENTE"}, kind=OperationKind.CREATE, key="c", device="d2")
    parked = made({"status": "UPLOADING", "hash": OTHER_HASH}, key="p", base_version=0, strategy=Strategy.MANUAL)
    server = made(
        SEALED, device="server:ana", key="v", strategy=Strategy.CLIENT_WINS, base_version=1, seals=LET_THROUGH
    )
    settlement = Settlement(
        choice=choice,
        resolves=2,
        parked=parked,
        device="console:gestora",
        key="g",
        time=NOON + 9,
        received_at=NOON + 9,
        data={"status": "ERRO"} if choice is Choice.CUSTOM else None,
    )
    state, verdict = after(State(), created, parked, server, settlement)
    assert document(state) == SEALED
    assert (verdict, state.open) == (Verdict(Outcome.RESOLVED), ())


def test_a_deleted_entity_comes_back_with_what_was_sealed(sealed: State) -> None:
    deleted, _ = after(sealed, made(None, kind=OperationKind.DELETE, key="d", base_version=2))
    assert document(deleted) is None
    kept, verdict = after(deleted, made({"status": "ERRO"}, key="s", strategy=Strategy.CLIENT_WINS))
    assert verdict == Verdict(Outcome.SERVER_KEPT, ConflictType.UPDATE_DELETE)
    assert document(kept) is None
    again = made(
        {"hash": OTHER_HASH, "descricao": "x"}, kind=OperationKind.CREATE, key="r", strategy=Strategy.CLIENT_WINS
    )
    back, verdict = after(deleted, again)
    assert document(back) == {**SEALED, "descricao": "x"}
    assert verdict.outcome is Outcome.MERGED


def test_the_server_may_seal_again(sealed: State) -> None:
    deleted, _ = after(sealed, made({"status": "DELETADA"}, key="s", base_version=2))
    server = made({**SEALED, "hash": OTHER_HASH}, device="server:bia", key="w", base_version=3, seals={"tipo": ()})
    state, _ = after(deleted, server)
    assert (document(state) or {})["hash"] == OTHER_HASH
    assert state.seals == {**LET_THROUGH, "tipo": ()}


def test_what_is_barred_is_named(sealed: State) -> None:
    assert barred(sealed, {"status": "ERRO", "hash": HASH, "descricao": "x"}) == ("status",)
    assert barred(sealed, {"status": "DELETADA"}) == ()
    assert barred(sealed, {"status": None, "hash": None}) == ("status", "hash")
    assert barred(sealed, None) == barred(State(), {"status": "ERRO"}) == ()


def test_seals_are_kept_in_the_bytes_of_a_state_and_cost_nothing_where_there_are_none(sealed: State) -> None:
    assert decode_state(encode_state(sealed)) == sealed
    unsealed = msgspec.structs.replace(sealed, seals={})
    assert len(msgspec.msgpack.decode(encode_state(unsealed))) == 12


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(example=sealings(), operation=operations())
def test_an_operation_on_open_fields_does_what_it_would_do_without_seals(
    example: Sealing, operation: Operation
) -> None:
    assert_seals_hold(example)
    state = _played(example)
    data = None if operation.data is None else {k: v for k, v in operation.data.items() if k not in state.seals}
    event = msgspec.structs.replace(operation, data=data)
    with_seals, without = resolve(state, event), resolve(msgspec.structs.replace(state, seals={}), event)
    if isinstance(with_seals, Rejection) or isinstance(without, Rejection):
        assert with_seals == without
        return
    assert with_seals[1] == without[1]
    assert msgspec.structs.replace(with_seals[0], seals={}) == without[0]


def _played(example: Sealing) -> State:
    state = State()
    for event in example.events:
        if isinstance(event, Operation) and event.base_version is None and event.strategy is not Strategy.MANUAL:
            result = resolve(state, event)
            state = state if isinstance(result, Rejection) else result[0]
    return msgspec.structs.replace(state, seals=LET_THROUGH) if state.version else state
