"""Operations as devices send them, valid unless a test says otherwise, and what a refusal of one says."""

from typing import Any

import pytest

from techdengue.domain.errors import InvalidOperation
from techdengue.domain.operation import ErrorCode, OperationKind, SentOperation
from techdengue.domain.validation import ValidOperation, validate

CUIABA = "5103403"
SINOP = "5107909"

ATIVIDADE: dict[str, Any] = {"tipo": "VISTORIA", "municipio_cod_ibge": CUIABA}
EVIDENCIA: dict[str, Any] = {"atividade_id": 123, "hash_sha256": "0f" * 32, "tamanho_bytes": 1}


def sent(kind: str = "update", entity_type: str = "atividade", **changes: Any) -> SentOperation:
    """A valid operation, but for the changes."""
    parts: dict[str, Any] = {
        "entity_type": entity_type,
        "entity_id": 123,
        "operation": OperationKind(kind),
        "client_timestamp": "2024-01-15T14:30:00Z",
        "idempotency_key": "key-1",
    }
    if kind == "update":
        parts["data"] = {}
    if kind == "create":
        parts["data"] = ATIVIDADE if entity_type == "atividade" else EVIDENCIA
    return SentOperation(**(parts | changes))


def updated(entity_type: str = "atividade", **data: Any) -> ValidOperation:
    """The validated update that assigns these fields."""
    return validate(sent("update", entity_type, data=data))


def created(entity_type: str = "atividade", **data: Any) -> ValidOperation:
    """The validated create with the required fields and these."""
    required = ATIVIDADE if entity_type == "atividade" else EVIDENCIA
    return validate(sent("create", entity_type, data=required | data))


def refusal(operation: SentOperation, path: str | None, *, code: ErrorCode = ErrorCode.INVALID_DATA) -> str:
    """The message that refuses an operation at `path`."""
    with pytest.raises(InvalidOperation) as caught:
        validate(operation)
    assert (caught.value.path, caught.value.code) == (path, code)
    caught.value.message.encode()
    return caught.value.message


def update_refusal(path: str, entity_type: str = "atividade", **data: Any) -> str:
    """The message that refuses an update of these fields at `path`."""
    return refusal(sent("update", entity_type, data=data), path)
