"""Resolver: operations a second on one core, per strategy, on 12-leaf documents, from memory."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from techdengue.domain.operation import OperationKind, Strategy
from techdengue.resolver import (
    ABSENT,
    Operation,
    Rejection,
    State,
    decode_state,
    document,
    encode_state,
    resolve,
)

from .measure import Named, Options, Row, Target
from .stage import Stage

_ROUNDS = 7
_CALLS = 10_000
NOON = 1_700_000_000_000_000

DOCUMENT: dict[str, Any] = {
    "tipo": "VISTORIA",
    "status": "CRIADA",
    "origem": "MANUAL",
    "municipio_cod_ibge": "5103403",
    "descricao": "quintal com caixa d'água sem tampa",
    "localizacao": {"type": "Point", "coordinates": [-56.0974, -15.6014]},
    "usuario_responsavel": "agente-17",
    "iniciado_em": "2024-01-15T14:30:00Z",
    "metadata": {"setor": "12", "quadra": 7, "depositos": ["A1", "B", "D2"]},
}
"""Twelve leaves and the root."""

PATCH: dict[str, Any] = {
    "status": "CONCLUIDA",
    "metadata": {"quadra": 8, "depositos": ["A1", "B", "D2", "E"]},
}

Contestant = tuple[str, Callable[[], object], int | None]


def operation(kind: OperationKind, device: str, at: int, **more: Any) -> Operation:
    """One operation at so many µs after noon."""
    return Operation(kind=kind, device=device, key=f"{device}-{at}", time=NOON + at, received_at=NOON + at, **more)


def accepted(answer: tuple[State, Any] | Rejection) -> State:
    """The state of an answer that is no rejection."""
    if isinstance(answer, Rejection):
        raise TypeError(answer.message)
    return answer[0]


def contestants() -> list[Contestant]:
    """Name, one call, and the calls a second that it must reach."""
    create = operation(OperationKind.CREATE, "d1", 0, data=DOCUMENT)
    base = accepted(resolve(ABSENT, create, None))
    other = {"status": "EM_ANDAMENTO", "metadata": {"depositos": ["A1", "B"]}}
    state = accepted(resolve(base, operation(OperationKind.UPDATE, "d2", 10, data=other, base_version=1), None))
    update = operation(OperationKind.UPDATE, "d1", 20, data=PATCH, base_version=2)
    found: list[Contestant] = [
        ("create, applied", lambda: resolve(ABSENT, create, None), 100_000),
        ("update, applied", lambda: resolve(state, update, None), 100_000),
    ]
    for strategy in Strategy:
        stale = operation(OperationKind.UPDATE, "d3", 20, data=PATCH, base_version=1, strategy=strategy)
        target = 30_000 if strategy is Strategy.MERGE else 100_000
        found.append((f"conflict, {strategy.value}", _ask(state, stale, base), target))
    raw = encode_state(state)
    found += [
        ("encode_state", lambda: encode_state(state), None),
        ("decode_state", lambda: decode_state(raw), None),
        ("document", lambda: document(state), None),
        ("msgspec.json.encode(document)", lambda: msgspec.json.encode(document(state)), None),
    ]
    return found


def _ask(state: State, event: Operation, base: State) -> Callable[[], object]:
    return lambda: resolve(state, event, base)


def calls_per_second(call: Callable[[], object]) -> float:
    """One round of one contestant, by the processor time that it took: neighbours on the machine do not count."""
    started = time.process_time()
    for _ in range(_CALLS):
        call()
    return _CALLS / (time.process_time() - started)


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    del stage, options  # it needs no server
    calls = contestants()
    rates: dict[str, list[float]] = {name: [] for name, _, _ in calls}
    for _ in range(_ROUNDS):
        for name, call, _ in calls:
            rates[name].append(calls_per_second(call))
    return [
        Row(
            measure="resolver",
            contestant=name,
            unit="calls/s",
            values=tuple(rates[name]),
            target=None if limit is None else Target(limit=limit, of="median"),
        )
        for name, _, limit in calls
    ]


RESOLVER = Named("resolver", lambda options: 20, _measure)
