"""The device's queue: operations that wait, operations that were refused, conflicts that wait for a person."""

import sqlite3
from typing import Any

import msgspec

from . import wire
from .model import OpenConflict, QueuedOperation, RefusedOperation
from .statements import STATEMENTS

_PENDING = "pending"
_REFUSED = "refused"
_ALL = -1


class Queue:
    """Operations in the order in which they were made. Who calls opens the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, operation: QueuedOperation) -> None:
        """Put an operation at the end."""
        parameters = (
            operation.key,
            operation.sent.entity_type,
            operation.entity_name,
            operation.municipio,
            operation.body,
        )
        self._run("insert_operation", *parameters)

    def next_batch(self, after: int, operations: int, size: int) -> list[QueuedOperation]:
        """The oldest pending operations after a place: at most so many, and so many bytes, but one at least."""
        batch: list[QueuedOperation] = []
        for place, municipio, body in self._run("select_next_operations", after, operations):
            size -= len(body) + 1
            if size < 0 and batch:
                break
            sent = wire.decode_operation(body)
            batch.append(QueuedOperation(sent=sent, municipio=municipio, body=body, place=place))
        return batch

    def has_pending(self) -> bool:
        """Whether anything waits to be sent."""
        return bool(self._run("select_whether_pending").fetchone()[0])

    def pending(self) -> list[QueuedOperation]:
        """What the server has not acknowledged, oldest first."""
        return [_queued(row) for row in self._run("select_operations", _PENDING, _ALL)]

    def pending_count(self) -> int:
        """How many operations the server has not acknowledged."""
        return int(self._run("count_operations", _PENDING).fetchone()[0])

    def pending_for(self, entity_type: str, entity_name: str) -> list[QueuedOperation]:
        """What waits for one entity, in whichever município."""
        return [_queued(row) for row in self._run("select_entity_operations", entity_type, entity_name)]

    def pending_of_type(self, entity_type: str) -> list[QueuedOperation]:
        """What waits for entities of a type."""
        return [_queued(row) for row in self._run("select_pending_of_type", entity_type)]

    def is_pending(self, key: str) -> bool:
        """Whether the operation still waits: another process may have settled it."""
        return self._run("select_operation", key, _PENDING).fetchone() is not None

    def remove(self, key: str) -> None:
        """Take an operation out: it is on the server, or its user gave it up."""
        self._run("delete_operation", key)

    def refuse(self, key: str, code: str, message: str, path: str | None) -> None:
        """Keep a refused operation for its user to see."""
        self._run("refuse_operation", key, code, message, path)

    def release(self, key: str) -> None:
        """Let a refused operation be sent again as it is."""
        self._run("release_operation", key)

    def refused(self) -> list[RefusedOperation]:
        """What the server would not record, oldest first."""
        return [_refused(row) for row in self._run("select_operations", _REFUSED, _ALL)]

    def refusal(self, key: str) -> RefusedOperation | None:
        """The refused operation of this key."""
        row = self._run("select_operation", key, _REFUSED).fetchone()
        return None if row is None else _refused(row)

    def add_conflict(self, conflict: OpenConflict) -> None:
        """Keep a conflict for its user to see."""
        self._run("insert_conflict", conflict.conflict_id, msgspec.json.encode(conflict))

    def conflicts(self) -> list[OpenConflict]:
        """Own operations that were parked, oldest first."""
        return [msgspec.json.decode(row[0], type=OpenConflict) for row in self._run("select_conflicts")]

    def remove_conflict(self, conflict_id: str) -> None:
        """Forget a conflict that its user has seen."""
        self._run("delete_conflict", conflict_id)

    def _run(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        return self._connection.execute(STATEMENTS[statement], parameters)


def _queued(row: tuple[Any, ...]) -> QueuedOperation:
    _, _, _, municipio, body, _, _, _ = row
    return QueuedOperation(sent=wire.decode_operation(body), municipio=municipio, body=body)


def _refused(row: tuple[Any, ...]) -> RefusedOperation:
    return RefusedOperation(operation=_queued(row), code=row[5], message=row[6], path=row[7])
