"""The event store's SQL by name: one statement per file in `sql/`, read once at import."""

from importlib import resources
from typing import Final

_FOLDER: Final = resources.files(__package__).joinpath("sql")


def _load(name: str) -> str:
    return _FOLDER.joinpath(f"{name}.sql").read_text(encoding="utf-8")


ADVANCE: Final = _load("advance")
APPEND: Final = _load("append")
CHECKPOINT: Final = _load("checkpoint")
PAGE_HEADS: Final = _load("page_heads")
PAGE_HEADS_OF_TENANTS: Final = _load("page_heads_of_tenants")
PAGE_STREAMS: Final = _load("page_streams")
READ_ALL: Final = _load("read_all")
READ_HEADS: Final = _load("read_heads")
READ_STREAM: Final = _load("read_stream")
READ_STREAMS: Final = _load("read_streams")
SEARCH_BACKWARD: Final = _load("search_backward")
SEARCH_FORWARD: Final = _load("search_forward")
SEARCH_STREAM_BACKWARD: Final = _load("search_stream_backward")
SEARCH_STREAM_FORWARD: Final = _load("search_stream_forward")
TAIL: Final = _load("tail")
