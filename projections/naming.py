"""Names that the log and the wire share: streams, tenants, conflict ids."""

import datetime as dt
import re
import uuid
from typing import Final

import msgspec

from techdengue.domain.operation import EntityId

CONFLICT_NAMESPACE: Final = uuid.UUID("6f1c8a52-6f0e-5d5e-9b0b-7c1c7f0f3a51")
"""The UUIDv5 namespace of conflict ids; changing it would change every one of them."""

_CANONICAL_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_INT64 = 2**63
_WHOLE_SECOND = len("2024-01-15T14:30:00Z")


def split_stream(stream: str) -> tuple[str, str]:
    """The entity type, and the id as text, of a stream's name."""
    entity_type, _, entity_id = stream.partition("/")
    return entity_type, entity_id


def shown_id(text: str) -> EntityId:
    """An id as lists show it: an integer where the text is a canonical one within 64 bits, else the text."""
    if _CANONICAL_INTEGER.fullmatch(text):
        number = int(text)
        if -_INT64 <= number < _INT64:
            return number
    return text


def conflict_id(tenant: str, writer: str, key: str) -> uuid.UUID:
    """The id of the conflict that a parked event opened: UUIDv5 of what names the event for ever."""
    return uuid.uuid5(CONFLICT_NAMESPACE, f"{tenant}\x1f{writer}\x1f{key}")


def rfc3339(moment: dt.datetime) -> str:
    """An aware time as every answer writes it: UTC, microseconds, `Z`."""
    if moment.tzinfo is not dt.UTC:
        moment = moment.astimezone(dt.UTC)
    text: str = msgspec.to_builtins(moment)  # several times as fast as isoformat, but a whole second has no fraction
    return text if len(text) > _WHOLE_SECOND else f"{text[:-1]}.000000Z"
