"""The canonical record of a piece of evidence: the bytes that a report's tree is built over.

One JSON object in the form of RFC 8785 (JCS): members sorted by name, no space, the shortest escapes, UTF-8. Whoever
has the five values can write it without us.
"""

import datetime as dt
import json

import msgspec

from projections.naming import rfc3339


class EvidenceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the root vouches for. `hash` is the file's SHA-256 in lower-case hexadecimal, `size` its bytes, `type` its
    `tipo` (None where the device gave none), `captured_at` when its own data say that it was taken (None: they do not).
    """

    id: str
    hash: str
    size: int
    type: str | None
    captured_at: dt.datetime | None


def canonical(record: EvidenceRecord) -> bytes:
    """The record's bytes. `captured_at` is UTC with microseconds: `2026-11-28T14:30:00.000000Z`."""
    members = {
        "captured_at": None if record.captured_at is None else rfc3339(record.captured_at),
        "hash": record.hash,
        "id": record.id,
        "size": record.size,
        "type": record.type,
    }
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def in_order(records: list[EvidenceRecord]) -> list[EvidenceRecord]:
    """By id, as UTF-8 bytes compare: the order of the leaves."""
    return sorted(records, key=lambda record: record.id.encode())
