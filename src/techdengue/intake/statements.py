"""The intake's SQL, by name: one statement per file in `sql/`."""

from importlib.resources import files

_SQL = files(__package__) / "sql"


def _load(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


READ = _load("read")
APPEND = _load("append")
FIND_CONFLICT = _load("find_conflict")
REGISTER_DEVICES = _load("register_devices")
