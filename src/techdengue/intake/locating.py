"""Which município's stream an operation means, and whether its author may touch it (protocol.md)."""

from techdengue.domain.access import Caller
from techdengue.domain.operation import ErrorCode, OperationKind
from techdengue.domain.validation import ValidOperation

from .working import Working


class Elsewhere(Exception):
    """The operation cannot be placed; `code`, `message` and `path` say why."""

    def __init__(self, code: ErrorCode, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path


def locate(valid: ValidOperation, caller: Caller, working: Working) -> str:
    """The município of the operation's stream. Raises Elsewhere."""
    if valid.municipio is not None:
        _enter(valid.municipio, caller)
        if valid.parent is not None:
            _find_parent(valid, caller, working)
        return valid.municipio
    if valid.parent is not None:
        return _find_parent(valid, caller, working)
    tenants = working.tenants_of(valid.stream, caller)
    if len(tenants) == 1:
        return tenants[0]
    if not tenants and valid.kind is not OperationKind.CREATE:
        raise Elsewhere(
            ErrorCode.ENTITY_NOT_FOUND,
            f"your municípios have no {valid.stream}: check entity_id and whose token this is; "
            "if it is new, send its create first",
        )
    raise _ambiguous(tenants)


def _enter(municipio: str, caller: Caller) -> None:
    if not caller.may_touch(municipio):
        raise Elsewhere(
            ErrorCode.FORBIDDEN_MUNICIPIO,
            f"your token does not name município {municipio}; ask for access or correct the code",
        )


def _find_parent(valid: ValidOperation, caller: Caller, working: Working) -> str:
    """The município of the atividade that an evidencia belongs to."""
    tenants = working.tenants_of(valid.parent or "", caller)
    if valid.municipio is not None:
        tenants = [tenant for tenant in tenants if tenant == valid.municipio]
    if not tenants:
        raise Elsewhere(
            ErrorCode.INVALID_DATA,
            f"there is no {valid.parent} in this município: send its create first, or earlier in the same batch",
            f"/data/{valid.entity_type.parent.field}" if valid.entity_type.parent else "/data",
        )
    if len(tenants) > 1:
        raise _ambiguous(tenants)
    return tenants[0]


def _ambiguous(tenants: list[str]) -> Elsewhere:
    return Elsewhere(
        ErrorCode.MUNICIPIO_REQUIRED,
        f"this id exists in {len(tenants)} of your municípios; name one in municipio_cod_ibge",
        "/municipio_cod_ibge",
    )
