"""What a file's first bytes say that it is, against what was declared. Pure."""

from typing import Final

import filetype

SNIFFED_BYTES: Final = 8192
UNKNOWN: Final = "unknown"

_OTHER_NAMES: Final = {"audio/x-wav": "audio/wav", "video/x-m4v": "video/mp4", "audio/m4a": "audio/mp4"}
_ALSO: Final = {"audio/mp4": frozenset({"video/mp4"})}
"""Phones record sound into an MP4 file that does not say in its first bytes that it holds no pictures."""


def sniff(first_bytes: bytes) -> str:
    """The media type that the first bytes of a file show; `unknown` where they show none."""
    found = filetype.guess_mime(first_bytes[:SNIFFED_BYTES])
    return UNKNOWN if found is None else _OTHER_NAMES.get(found, found)


def agrees(declared: str, sniffed: str) -> bool:
    """Whether a file that shows this type may be what was declared."""
    return sniffed == declared or sniffed in _ALSO.get(declared, frozenset())
