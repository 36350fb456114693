"""What the user of a device sees: the server's documents with the device's own pending operations on top."""

from collections.abc import Sequence
from typing import Any

from techdengue.domain.operation import OperationKind

from .copies import Copies
from .errors import AmbiguousEntity
from .merge_patch import apply_patch
from .model import Copy, LocalDocument, QueuedOperation
from .queue import Queue


class View:
    """Reads a device's file; changes nothing."""

    def __init__(self, queue: Queue, copies: Copies) -> None:
        self._queue = queue
        self._copies = copies

    def get(self, entity_type: str, entity_name: str, municipio: str) -> LocalDocument | None:
        """One entity, or None where there is none (any more). Raises AmbiguousEntity."""
        copies = self._copies.of(entity_type, entity_name)
        shown = _overlay(copies, self._queue.pending_for(entity_type, entity_name))
        fitting = [document for document in shown if municipio in ("", document.municipio_cod_ibge)]
        if len(fitting) > 1:
            raise AmbiguousEntity(municipios=tuple(document.municipio_cod_ibge for document in fitting))
        return fitting[0] if fitting else None

    def list(self, entity_type: str, municipio: str) -> Sequence[LocalDocument]:
        """All entities of a type, by id."""
        copies: dict[str, list[Copy]] = {}
        for copy in self._copies.of_type(entity_type):
            copies.setdefault(str(copy.entity_id), []).append(copy)
        waiting: dict[str, list[QueuedOperation]] = {}
        for operation in self._queue.pending_of_type(entity_type):
            waiting.setdefault(operation.entity_name, []).append(operation)
        return [
            document
            for name in sorted(copies.keys() | waiting.keys())
            for document in _overlay(copies.get(name, []), waiting.get(name, []))
            if municipio in ("", document.municipio_cod_ibge)
        ]


def _overlay(copies: Sequence[Copy], waiting: Sequence[QueuedOperation]) -> list[LocalDocument]:
    """One id's documents: one a município. An operation of unknown município shows on each."""
    bases: dict[str, Copy | None] = {copy.municipio: copy for copy in copies}
    for operation in waiting:
        if operation.municipio not in bases and (operation.municipio or not bases):
            bases[operation.municipio] = None
    shown = [
        _fold(municipio, copy, [each for each in waiting if each.municipio in (municipio, "")])
        for municipio, copy in sorted(bases.items(), key=lambda base: base[0])
    ]
    return [document for document in shown if document is not None]


def _fold(municipio: str, copy: Copy | None, waiting: Sequence[QueuedOperation]) -> LocalDocument | None:
    data: dict[str, Any] | None = None if copy is None else copy.data
    for operation in waiting:
        if operation.sent.operation is OperationKind.DELETE:
            data = None
        else:
            data = apply_patch(data, operation.sent.data or {})
    if data is None:
        return None
    return LocalDocument(
        entity_type=waiting[0].sent.entity_type if copy is None else copy.entity_type,
        entity_id=waiting[0].sent.entity_id if copy is None else copy.entity_id,
        municipio_cod_ibge=municipio,
        version=None if copy is None else copy.version,
        data=data,
        pending=len(waiting),
    )
