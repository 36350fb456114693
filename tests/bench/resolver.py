"""Measure the resolver: operations a second on one core, per strategy, on 12-leaf documents, from memory.

`python -m tests.bench.resolver` prints a table; contestants take turns, medians over the rounds.
"""

import statistics
import time
from collections.abc import Callable
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

ROUNDS = 9
CALLS = 20_000
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

Measure = tuple[str, Callable[[], object], int | None]


def operation(kind: OperationKind, device: str, at: int, **more: Any) -> Operation:
    """One operation at so many µs after noon."""
    return Operation(kind=kind, device=device, key=f"{device}-{at}", time=NOON + at, received_at=NOON + at, **more)


def accepted(answer: tuple[State, Any] | Rejection) -> State:
    """The state of an answer that is no rejection."""
    if isinstance(answer, Rejection):
        raise TypeError(answer.message)
    return answer[0]


def measures() -> list[Measure]:
    """Name, one call, and the calls a second that it must reach."""
    create = operation(OperationKind.CREATE, "d1", 0, data=DOCUMENT)
    base = accepted(resolve(ABSENT, create, None))
    other = {"status": "EM_ANDAMENTO", "metadata": {"depositos": ["A1", "B"]}}
    state = accepted(resolve(base, operation(OperationKind.UPDATE, "d2", 10, data=other, base_version=1), None))
    update = operation(OperationKind.UPDATE, "d1", 20, data=PATCH, base_version=2)
    found: list[Measure] = [
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
    for _ in range(CALLS):
        call()
    return CALLS / (time.process_time() - started)


def main() -> None:
    """Measure all in turn, and print medians with their spread."""
    contestants = measures()
    rates: dict[str, list[float]] = {name: [] for name, _, _ in contestants}
    for _ in range(ROUNDS):
        for name, call, _ in contestants:
            rates[name].append(calls_per_second(call))
    print(f"{'resolver':32} {'calls/s':>10} {'spread':>8} {'µs':>7} {'must reach':>11}")
    for name, _, target in contestants:
        median = statistics.median(rates[name])
        spread = (max(rates[name]) - min(rates[name])) / median
        verdict = "" if target is None else f"{target:>11,}{' short' if median < target else ''}"
        print(f"{name:32} {median:>10,.0f} {spread:>7.0%} {1e6 / median:>7.2f} {verdict}")


if __name__ == "__main__":
    main()
