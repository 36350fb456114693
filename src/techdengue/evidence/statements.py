"""The SQL of evidence files, by name: one statement per file in `sql/`."""

from importlib.resources import files

_SQL = files(__package__) / "sql"


def _load(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


READ_FILE = _load("read_file")
BEGIN_FILE = _load("begin_file")
REFUSE_FILE = _load("refuse_file")
MOVE_FILE = _load("move_file")
