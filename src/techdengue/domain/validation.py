"""From an operation as sent to one that the resolver may take: every rule about a single operation, once.

What needs the entity's stream is asked of `EntityType.check_fixed`; territory is `access.Caller`'s.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from .entity_type import DATA_PATH, MUNICIPIO_FIELD, EntityType, MunicipioFrom
from .errors import InvalidOperation, invalid
from .fields import check_id, check_municipio, check_name
from .free_json import LARGEST_INTEGER, is_small_and_clean
from .operation import EntityId, ErrorCode, OperationKind, SentOperation, Strategy
from .registry import ENTITY_TYPES
from .rfc3339 import in_utc, read_time
from .wording import listed, pointer, shown

__all__ = ["InvalidOperation", "ValidOperation", "stream_name", "validate", "validate_patch"]

LONGEST_KEY = 255

_canonical = msgspec.json.Encoder(order="sorted")
_DIGEST_BYTES = 16
_MUNICIPIO_PATH = f"/{MUNICIPIO_FIELD}"


class ValidOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that breaks no rule by itself."""

    entity_type: EntityType
    entity_id: EntityId
    """As sent."""
    stream: str
    """`atividade/123`."""
    kind: OperationKind
    data: dict[str, Any] | None
    """None for a delete."""
    client_time: int
    """µs since the epoch, UTC."""
    client_timestamp: str
    """The same as RFC 3339 in UTC with `Z` and microseconds."""
    key: str
    strategy: Strategy
    base_version: int | None
    municipio: str | None
    """The município that the operation itself names; None where its entity or its parent knows."""
    parent: str | None
    """A create of a child: the stream whose município it shares, `atividade/<id>`."""
    digest: bytes
    """16 bytes of the content that an idempotency key stands for."""


def stream_name(entity_type: str, entity_id: EntityId) -> str:
    """The name of an entity's stream; `123` and `"123"` share one."""
    return f"{entity_type}/{entity_id}"


def validate(sent: SentOperation, entity_types: Mapping[str, EntityType] = ENTITY_TYPES) -> ValidOperation:
    """Check one operation by itself. Raises InvalidOperation with the JSON Pointer of the first fault."""
    entity_type = entity_types.get(sent.entity_type)
    if entity_type is None:
        raise InvalidOperation(
            ErrorCode.UNKNOWN_ENTITY_TYPE,
            f"there is no entity type {shown(sent.entity_type)}; send {listed(entity_types)}",
            "/entity_type",
        )
    check_id(sent.entity_id, "/entity_id")
    check_name(sent.idempotency_key, "/idempotency_key", longest=LONGEST_KEY)
    client_time = read_time(sent.client_timestamp, "/client_timestamp")
    base_version = _base_version(sent.base_version)
    kind = sent.operation
    data = _data(kind, sent.data)
    content = _content(sent, data, client_time, base_version)
    creating = kind is OperationKind.CREATE
    encoded = _canonical.encode(content) if data is None else _checked(content, entity_type, data, creating=creating)
    return ValidOperation(
        entity_type=entity_type,
        entity_id=sent.entity_id,
        stream=stream_name(entity_type.name, sent.entity_id),
        kind=kind,
        data=data,
        client_time=client_time,
        client_timestamp=in_utc(sent.client_timestamp, client_time),
        key=sent.idempotency_key,
        strategy=sent.conflict_resolution_strategy,
        base_version=base_version,
        municipio=_municipio(entity_type, sent, data if creating else None),
        parent=_parent(entity_type, data) if creating and data is not None else None,
        digest=hashlib.blake2b(encoded, digest_size=_DIGEST_BYTES).digest(),
    )


def validate_patch(entity_type: EntityType, data: Any, *, creating: bool) -> None:
    """Check a merge patch, of an operation or of a custom resolution. Raises InvalidOperation below `/data`."""
    if type(data) is not dict:
        raise invalid(f"data must be an object; this is {shown(data)}", DATA_PATH)
    checks = entity_type.checks
    for name, value in data.items():
        found = checks.get(name)
        if found is None:
            raise _unknown_field(entity_type, name)
        check, path = found
        if value is not None:
            check(value, path)
        elif name in entity_type.required:
            raise invalid(f"{name} is required and cannot be null", path)
    if creating and not entity_type.required <= data.keys():
        raise _missing_fields(entity_type, data)
    for rule in entity_type.rules:
        rule(data, DATA_PATH)


def _data(kind: OperationKind, data: Any) -> Any:
    if kind is OperationKind.DELETE:
        if data is not UNSET and data is not None:
            raise invalid("a delete carries no data; leave it out, or send an update first", DATA_PATH)
        return None
    if data is UNSET or data is None:
        raise invalid(f"{_article(kind)} needs data, an object with the fields that it sets", DATA_PATH)
    return data


def _checked(content: tuple[Any, ...], entity_type: EntityType, data: Any, *, creating: bool) -> bytes:
    """The canonical JSON of an operation's content, once the patch in it is checked.

    It comes first, for it tells at once whether all texts are clean; then most patches are told good in two steps.
    """
    try:
        encoded = _canonical.encode(content)
    except (ValueError, TypeError, OverflowError, RecursionError):
        validate_patch(entity_type, data, creating=creating)
        raise
    if not (is_small_and_clean(encoded) and _is_well_formed(entity_type, data, creating=creating)):
        validate_patch(entity_type, data, creating=creating)
    return encoded


def _is_well_formed(entity_type: EntityType, data: Any, *, creating: bool) -> bool:
    """Whether a patch that is small and clean as JSON is plainly one that `validate_patch` lets pass."""
    try:
        msgspec.convert(data, entity_type.create_shape if creating else entity_type.update_shape)
        for rule in entity_type.rules:
            rule(data, DATA_PATH)
    except (msgspec.ValidationError, InvalidOperation):
        return False
    return True


def _base_version(sent: Any) -> int | None:
    if sent is UNSET or sent is None:
        return None
    if type(sent) is not int or not 0 <= sent <= LARGEST_INTEGER:
        raise invalid(
            f"base_version must be the version that the device had seen, an integer from 0, or left out; "
            f"this is {shown(sent)}",
            "/base_version",
        )
    return sent


def _municipio(entity_type: EntityType, sent: SentOperation, created: dict[str, Any] | None) -> str | None:
    """The município that the operation names: beside its id, in the data of a create, or in both alike."""
    beside = sent.municipio_cod_ibge
    if beside is UNSET or beside is None:
        beside = None
    else:
        check_municipio(beside, _MUNICIPIO_PATH)
    if created is None or entity_type.municipio_from is not MunicipioFrom.DATA:
        return beside
    inside: str = created[MUNICIPIO_FIELD]
    if beside is not None and beside != inside:
        raise invalid(
            f"{MUNICIPIO_FIELD} is {beside} beside the id and {inside} in data; send it once, in data",
            _MUNICIPIO_PATH,
        )
    return inside


def _parent(entity_type: EntityType, data: dict[str, Any]) -> str | None:
    parent = entity_type.parent
    return None if parent is None else stream_name(parent.entity_type, data[parent.field])


def _content(sent: SentOperation, data: Any, time: int, base_version: int | None) -> tuple[Any, ...]:
    """What the digest is made of; its JSON is the same for ever, because digests of years ago are compared with it."""
    return (
        sent.entity_type,
        str(sent.entity_id),
        sent.operation,
        data,
        time,
        sent.conflict_resolution_strategy,
        base_version,
    )


def _unknown_field(entity_type: EntityType, name: Any) -> InvalidOperation:
    return invalid(
        f"{entity_type.name} has no field {shown(name)}; its fields are {', '.join(entity_type.fields)}; "
        "anything else goes into metadata",
        pointer(DATA_PATH, name),
    )


def _missing_fields(entity_type: EntityType, data: dict[str, Any]) -> InvalidOperation:
    missing = [name for name in entity_type.fields if name in entity_type.required and name not in data]
    return invalid(
        f"{entity_type.name} cannot be created without {' and '.join(missing)}; add what is missing",
        pointer(DATA_PATH, missing[0]),
    )


def _article(kind: OperationKind) -> str:
    return "an update" if kind is OperationKind.UPDATE else "a create"
