"""One entity's story, told line by line: who did what, when, knowing what. Times are small integers."""

from typing import Any

from techdengue.domain.operation import Choice, OperationKind, Outcome, Strategy
from techdengue.resolver import (
    ABSENT,
    Operation,
    Rejection,
    Settlement,
    State,
    Verdict,
    document,
    resolve,
)
from techdengue.testing.server import base_of

CREATE, UPDATE, DELETE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.DELETE


class Story:
    """States by sequence; each line asserts nothing and answers the outcome, or the rejection."""

    def __init__(self) -> None:
        self.states: list[State] = [ABSENT]
        self.told: dict[int, Operation] = {}

    @property
    def state(self) -> State:
        return self.states[-1]

    @property
    def document(self) -> dict[str, Any] | None:
        return document(self.state)

    @property
    def version(self) -> int:
        return self.state.version

    def tell(
        self,
        device: str,
        kind: OperationKind,
        data: dict[str, Any] | None = None,
        *,
        at: int,
        base: int | None = None,
        strategy: Strategy = Strategy.LAST_WRITE_WINS,
        received: int | None = None,
    ) -> Verdict | Rejection:
        operation = Operation(
            kind=kind,
            device=device,
            key=f"{device}-{len(self.states)}",
            time=at,
            received_at=max(at if received is None else received, self.state.received_at),
            data=data,
            strategy=strategy,
            base_version=base,
        )
        return self._take(operation, operation)

    def settle(self, resolves: int, choice: Choice, data: dict[str, Any] | None = None, *, at: int) -> Any:
        parked = self.told[resolves]
        settlement = Settlement(
            choice=choice,
            resolves=resolves,
            parked=parked,
            device="console:ana",
            key=f"settle-{len(self.states)}",
            time=at,
            received_at=at,
            data=data,
        )
        return self._take(settlement, parked)

    def _take(self, event: Operation | Settlement, asked: Operation) -> Verdict | Rejection:
        answer = resolve(self.state, event, base_of(self.states, asked))
        if isinstance(answer, Rejection):
            return answer
        self.states.append(answer[0])
        if isinstance(event, Operation):
            self.told[answer[0].sequence] = event
        return answer[1]


def outcome(verdict: Verdict | Rejection) -> Outcome:
    """The outcome of an accepted line."""
    assert isinstance(verdict, Verdict), verdict
    return verdict.outcome
