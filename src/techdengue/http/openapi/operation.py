"""What the document says of one call: texts, shapes, examples, and the problems that it can answer."""

from typing import Any, Final

import msgspec

STRUCTURED: Final = ("application/json", "application/msgpack")
"""Media types."""
ALWAYS: Final = ("not_acceptable", "internal_error")
"""Problems of every call …"""
CALLED: Final = ("token_required", "invalid_token", "token_expired", "forbidden_role", "unavailable", *ALWAYS)
"""… of those that need a role …"""
WITH_BODY: Final = (
    "malformed_body",
    "body_too_large",
    "unsupported_media_type",
    "unsupported_encoding",
    "invalid_body",
    *CALLED,
)
"""… of those that take a body …"""
LISTED: Final = ("invalid_parameter", "invalid_cursor", *CALLED)
"""… and of lists."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `answer` is a struct, a tuple of alternatives, or None where the answer is text or nothing."""

    name: str
    method: str
    path: str
    tag: str
    summary: str
    description: str = ""
    problem_codes: tuple[str, ...]
    query: Any = None
    body: Any = None
    body_examples: dict[str, Any] = {}
    body_text: str | None = None
    """A body of lines, as NDJSON."""
    body_file: str | None = None
    """The media type of a file that may be sent in the body's place."""
    path_examples: dict[str, str] = {}
    status: int = 200
    answer: Any = None
    answer_text: str
    answer_examples: dict[str, Any] = {}
    text_examples: dict[str, str] = {}
    media_types: tuple[str, ...] = STRUCTURED
    said: tuple[msgspec.Struct, ...] = ()
    """An example of each message that a client of a WebSocket sends …"""
    told: tuple[msgspec.Struct, ...] = ()
    """… and of each that it gets."""
