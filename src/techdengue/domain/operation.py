"""What a device sends, and the closed vocabularies of resolution.md.

Names and spellings are those of the wire; `docs/glossary.md` defines each once.
"""

import enum
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

EntityId = int | str
"""An entity's id, as the device sent it. `123` and `"123"` name the same entity."""

CONSOLE_DEVICE_PREFIX = "console:"
"""Devices of this prefix are people at a console; no real device may take such a name."""

SERVER_DEVICE_PREFIX = "server:"
"""Devices of this prefix are the server itself, on a user's call; no real device may take such a name."""


class OperationKind(enum.Enum):
    """What an operation wants done to its entity."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Strategy(enum.Enum):
    """How a conflict is settled (resolution.md, "The five strategies")."""

    CLIENT_WINS = "client_wins"
    SERVER_WINS = "server_wins"
    LAST_WRITE_WINS = "last_write_wins"
    MERGE = "merge"
    MANUAL = "manual"


class ConflictType(enum.Enum):
    """What met what: the operation first, then what the server has."""

    CREATE_CREATE = "create_create"
    UPDATE_UPDATE = "update_update"
    UPDATE_DELETE = "update_delete"
    DELETE_UPDATE = "delete_update"


class Outcome(enum.Enum):
    """What became of an accepted operation (resolution.md, "Outcomes")."""

    APPLIED = "applied"
    CLIENT_APPLIED = "client_applied"
    MERGED = "merged"
    SERVER_KEPT = "server_kept"
    NO_CHANGE = "no_change"
    CONFLICT = "conflict"
    RESOLVED = "resolved"


class Choice(enum.Enum):
    """How a person settles a parked conflict (resolution.md, "Manual")."""

    CLIENT = "client"
    SERVER = "server"
    MERGE = "merge"
    CUSTOM = "custom"


class ErrorCode(enum.Enum):
    """Why a single operation was refused; such an operation is not recorded and its key stays free."""

    ENTITY_NOT_FOUND = "entity_not_found"
    UNKNOWN_BASE_VERSION = "unknown_base_version"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    INVALID_DATA = "invalid_data"
    UNKNOWN_ENTITY_TYPE = "unknown_entity_type"
    MUNICIPIO_REQUIRED = "municipio_required"
    FORBIDDEN_MUNICIPIO = "forbidden_municipio"
    CONFLICT_ALREADY_RESOLVED = "conflict_already_resolved"


_Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class SentOperation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One operation, decoded from the wire (protocol.md, `POST /api/sync`) and not yet validated.

    `client_time` of later stages is `client_timestamp` in µs since the epoch, UTC.
    """

    entity_type: str
    entity_id: _Integer | str
    operation: OperationKind
    client_timestamp: str
    idempotency_key: str
    data: dict[str, Any] | UnsetType | None = UNSET
    conflict_resolution_strategy: Strategy = Strategy.LAST_WRITE_WINS
    base_version: _Integer | UnsetType | None = UNSET
    municipio_cod_ibge: str | UnsetType | None = UNSET
