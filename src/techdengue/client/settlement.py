"""What an acknowledgement means for the device's copy of the entity.

The copy's version is what the device will send as its next `base_version`, so it must never claim to have seen a
change that it has not seen. It is raised where the server's document is known exactly, and only there.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from techdengue.domain.operation import OperationKind, Outcome

from . import wire
from .copies import Copies
from .merge_patch import apply_patch
from .model import Copy, QueuedOperation
from .queue import Queue

_VISIBLE = (Outcome.APPLIED.value, Outcome.CLIENT_APPLIED.value)


def settle(
    batch: Sequence[QueuedOperation], answer: wire.SyncAnswer, queue: Queue, copies: Copies, download: int
) -> list[QueuedOperation]:
    """Take what the server answered out of the queue; answers what it settled, in no order of meaning."""
    waiting = {operation.key: operation for operation in batch if queue.is_pending(operation.key)}
    settled: list[QueuedOperation] = []
    for success in answer.successes:
        if operation := waiting.pop(success.idempotency_key, None):
            queue.remove(operation.key)
            _follow(operation, success, copies, download)
            settled.append(operation)
    for conflict in answer.conflicts:
        if operation := waiting.pop(conflict.idempotency_key, None):
            queue.remove(operation.key)
            queue.add_conflict(conflict)
            settled.append(operation)
    for refused in answer.errors:
        key = batch[refused.index].key if 0 <= refused.index < len(batch) else ""
        if operation := waiting.pop(key, None):
            queue.refuse(operation.key, refused.code, refused.message, refused.path)
            settled.append(operation)
    return settled


def _follow(operation: QueuedOperation, success: wire.Settled, copies: Copies, download: int) -> None:
    """Bring the copy to where the answer says the entity is; the next pull brings what the answer did not say."""
    copy = copies.find(operation.sent.entity_type, operation.entity_name, operation.municipio)
    if copy is not None and success.version <= copy.version:
        return  # an answer that was lost on its way and comes again: the copy has gone beyond it
    if success.server_data is not UNSET:
        copies.hold(_copy(operation, copy, success.version, success.server_data, download))
    elif success.status == Outcome.APPLIED.value and _exactly_known(operation, copy):
        copies.hold(_copy(operation, copy, success.version, _patched(operation, copy), download))
    elif success.status in _VISIBLE and copy is not None:
        copies.hold(_copy(operation, copy, copy.version, _patched(operation, copy), download))


def _exactly_known(operation: QueuedOperation, copy: Copy | None) -> bool:
    """Whether an applied operation on this copy gives the server's document.

    It was applied, so nobody else changed the entity after its base; a copy at the base or later, with the own
    operations that were acknowledged since, is then all there was.
    """
    if copy is None:
        return operation.sent.operation is OperationKind.CREATE
    base = operation.sent.base_version
    return isinstance(base, int) and base <= copy.version


def _patched(operation: QueuedOperation, copy: Copy | None) -> dict[str, Any] | None:
    if operation.sent.operation is OperationKind.DELETE:
        return None
    return apply_patch(copy and copy.data, operation.sent.data or {})


def _copy(
    operation: QueuedOperation, copy: Copy | None, version: int, data: dict[str, Any] | None, download: int
) -> Copy:
    return Copy(
        entity_type=operation.sent.entity_type,
        entity_id=operation.sent.entity_id if copy is None else copy.entity_id,
        municipio=operation.municipio if copy is None else copy.municipio,
        version=version,
        data=data,
        download=download,
    )
