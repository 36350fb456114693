"""The lines of `POST /api/sync/stream`'s answer: what became of each operation, in the order sent."""

from collections.abc import Sequence
from typing import Any

import msgspec

from techdengue.domain.operation import SentOperation
from techdengue.intake.model import Malformed, Parked, Refusal, Success, SyncAnswer

from .problems import Problem, problem_object

Operation = SentOperation | Malformed
Answered = Success | Parked | Refusal


def answer_lines(operations: Sequence[Operation], answer: SyncAnswer, first: int) -> bytes:
    """A line for each operation of a batch; `first` is the first one's number in the stream, from 0."""
    return b"".join(answer_line(answered, index) for index, answered in enumerate(in_order(operations, answer), first))


def last_line(processed: int, server_timestamp: str) -> bytes:
    """The line after the last answer of a complete stream."""
    return _line({"kind": "end", "processed": processed, "server_timestamp": server_timestamp})


def problem_line(problem: Problem, instance: str, processed: int) -> bytes:
    """The line that ends a stream which had to stop: what was not answered was not acknowledged."""
    return _line({"kind": "problem", **problem_object(problem, instance), "processed": processed})


def in_order(operations: Sequence[Operation], answer: SyncAnswer) -> list[Answered]:
    """The answers of a batch in the order of its operations: three lists that each keep it, put together."""
    refused = {refusal.index: refusal for refusal in answer.errors}
    settled, parked = iter(answer.successes), iter(answer.conflicts)
    success, conflict = next(settled, None), next(parked, None)
    found: list[Answered] = []
    for index, operation in enumerate(operations):
        if (refusal := refused.get(index)) is not None:
            found.append(refusal)
        elif success is not None and (conflict is None or _is_of(success, operation)):
            found.append(success)
            success = next(settled, None)
        elif conflict is not None:
            found.append(conflict)
            conflict = next(parked, None)
    return found


def _is_of(success: Success, operation: Any) -> bool:
    """Whether this success answers that operation, which is not malformed, for those are refused."""
    return (success.idempotency_key, success.entity_id) == (operation.idempotency_key, operation.entity_id)


def answer_line(answered: Answered, index: int) -> bytes:
    """What became of one operation; `index` is its number in the stream."""
    if isinstance(answered, Refusal):
        told = msgspec.json.encode(msgspec.structs.replace(answered, index=index))
        return b'{"kind":"error",' + told[1:] + b"\n"
    kind = b"success" if isinstance(answered, Success) else b"conflict"
    return b'{"kind":"%b","index":%d,' % (kind, index) + msgspec.json.encode(answered)[1:] + b"\n"


def _line(value: dict[str, Any]) -> bytes:
    return msgspec.json.encode(value) + b"\n"
