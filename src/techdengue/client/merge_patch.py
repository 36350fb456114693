"""JSON Merge Patch (RFC 7396) on whole documents: how a device shows its own pending operations."""

from typing import Any


def apply_patch(document: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """The document after the patch, as a new one. What is no object counts as an empty one (RFC 7396, section 2)."""
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = apply_patch(result.get(name), value)
        else:
            result[name] = value
    return result
