"""What changed between two documents, leaf by leaf: scalars, arrays and empty objects at their JSON Pointers."""

from typing import Any

import msgspec

from .model import LeafChange

_encode = msgspec.json.Encoder(order="deterministic").encode


def leaves_of(document: dict[str, Any] | None) -> dict[str, Any]:
    """The leaves of a document by JSON Pointer (RFC 6901); a document that is not there has none."""
    found: dict[str, Any] = {}
    if document is not None:
        _collect("", document, found)
    return found


def difference(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[LeafChange]:
    """The leaves that differ, by path; None stands for no leaf. An empty document is the leaf `""`."""
    if before is after:
        return []
    old, new = leaves_of(before), leaves_of(after)
    return [
        LeafChange(path, old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if path not in old or path not in new or _encode(old[path]) != _encode(new[path])
    ]


def _collect(path: str, value: Any, found: dict[str, Any]) -> None:
    if value.__class__ is dict and value:
        for key, below in value.items():
            _collect(f"{path}/{key.replace('~', '~0').replace('/', '~1')}", below, found)
    else:
        found[path] = value
