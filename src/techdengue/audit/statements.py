"""The audit trail's SQL, by name: one statement per file in `sql/`."""

from importlib.resources import files

_SQL = files(__package__) / "sql"


def _load(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


ADD = _load("add")
COPY_REQUESTS = _load("copy_requests")
FIND_REQUESTS = _load("find_requests")
COUNT_WRITERS = _load("count_writers")
LIST_ENTRIES = _load("list_entries")
READ_AFTER = _load("read_after")
READ_PENDING = _load("read_pending")
MOVE_CURSOR = _load("move_cursor")
LEAD = _load("lead")
