"""The words of the answer: what became of one operation, as protocol.md spells it."""

from typing import Any, Final

import msgspec
from msgspec import UNSET

from projections.naming import conflict_id
from techdengue.domain.operation import ConflictType, ErrorCode, Outcome
from techdengue.domain.payload import decode_metadata
from techdengue.domain.times import to_rfc3339
from techdengue.domain.validation import InvalidOperation, ValidOperation
from techdengue.resolver import Created, Operation, State, contested, document, suggestion

from .model import Malformed, Parked, Refusal, Success
from .snapshot import Known
from .working import Past

# An enum is slow to hash and to ask for its members, and these are asked of every answer.
_MERGED: Final = Outcome.MERGED
_SERVER_KEPT: Final = Outcome.SERVER_KEPT


def refusal_of(valid: ValidOperation, index: int, code: ErrorCode, message: str, path: str | None = None) -> Refusal:
    """A refusal of an operation that was well-formed."""
    return Refusal(
        entity_type=valid.entity_type.name,
        entity_id=valid.entity_id,
        operation=valid.kind,
        idempotency_key=valid.key,
        index=index,
        code=code,
        message=message,
        path=UNSET if path is None else path,
    )


def refusal_of_invalid(sent: Any, index: int, error: InvalidOperation) -> Refusal:
    """A refusal of an operation that validation did not pass."""
    return Refusal(
        entity_type=sent.entity_type,
        entity_id=sent.entity_id,
        operation=sent.operation,
        idempotency_key=sent.idempotency_key,
        index=index,
        code=error.code,
        message=error.message,
        path=UNSET if error.path is None else error.path,
    )


def refusal_of_malformed(malformed: Malformed, index: int) -> Refusal:
    """A refusal of an operation that could not even be decoded."""
    return Refusal(
        entity_type=malformed.entity_type,
        entity_id=malformed.entity_id,
        operation=malformed.operation,
        idempotency_key=malformed.idempotency_key,
        index=index,
        code=ErrorCode.INVALID_DATA,
        message=malformed.message,
        path=malformed.path,
    )


def success_of(
    valid: ValidOperation,
    after: State | Created,
    outcome: Outcome,
    conflict: ConflictType | None,
    warnings: tuple[str, ...],
) -> Success:
    """The answer of an operation that is settled; it shows the document where the device must believe another."""
    return Success(
        entity_type=valid.entity_type.name,
        entity_id=valid.entity_id,
        operation=valid.kind,
        idempotency_key=valid.key,
        status=outcome,
        version=after.version,
        conflict_type=UNSET if conflict is None else conflict,
        strategy=UNSET if conflict is None else valid.strategy,
        server_data=raw_document(after) if outcome is _MERGED or outcome is _SERVER_KEPT else UNSET,
        warnings=warnings or UNSET,
    )


def parked_of(
    valid: ValidOperation,
    tenant: str,
    device: str,
    before: State,
    conflict: ConflictType,
    base: State | None,
    warnings: tuple[str, ...],
) -> Parked:
    """The answer of an operation that waits for a person; `before` is the entity as the operation met it."""
    parked = Operation(
        kind=valid.kind, device=device, key=valid.key, time=valid.client_time, received_at=0, data=valid.data
    )
    return Parked(
        conflict_id=str(conflict_id(tenant, device, valid.key)),
        entity_type=valid.entity_type.name,
        entity_id=valid.entity_id,
        operation=valid.kind,
        idempotency_key=valid.key,
        conflict_type=conflict,
        client_version=valid.client_timestamp,
        server_version=to_rfc3339(before.last.time if before.last else before.clock),
        client_data=valid.data,
        server_data=raw_document(before),
        suggested_resolution=suggestion(conflict, parked, contested(before, parked, base)),
        base_version=UNSET if valid.base_version is None else valid.base_version,
        warnings=warnings or UNSET,
    )


def repeat_of(valid: ValidOperation, device: str, known: Known, past: Past) -> Success | Parked:
    """The answer of an operation that the log holds already: the recorded outcome, told as the first time."""
    noted = decode_metadata(known.metadata)
    outcome = Outcome(known.outcome)
    answer: Success | Parked
    if outcome is Outcome.CONFLICT and noted.conflict_type is not None:
        base = None if valid.base_version is None else past[valid.base_version]
        before = past[known.sequence - 1]
        answer = parked_of(valid, known.tenant, device, before, noted.conflict_type, base, noted.warnings)
    else:
        after = past[known.sequence] if known.is_told_again else State(version=known.version)
        answer = success_of(valid, after, outcome, noted.conflict_type, noted.warnings)
    return msgspec.structs.replace(answer, already_processed=True)


def shown_bytes(answer: Success | Parked | Refusal) -> int:
    """How large a document the answer shows."""
    if isinstance(answer, Refusal) or not isinstance(answer.server_data, msgspec.Raw):
        return 0
    return len(bytes(answer.server_data))


def raw_document(state: State | Created) -> msgspec.Raw | None:
    """The document's JSON; None when the entity is deleted."""
    visible = document(state if isinstance(state, State) else state.state())
    return None if visible is None else msgspec.Raw(msgspec.json.encode(visible))
