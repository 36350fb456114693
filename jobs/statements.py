"""The SQL of this package, by name: one statement per file in `sql/`, read once at import."""

from importlib.resources import files

_SQL = files(__package__) / "sql"


def load(name: str) -> str:
    """The text of `sql/NAME.sql`."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


ENQUEUE = load("enqueue")
CLAIM = load("claim")
RENEW = load("renew")
PROGRESS = load("progress")
SETTLE = load("settle")
REQUEUE = load("requeue")
FIND_UNKNOWN = load("find_unknown")
BEAT = load("beat")
FORGET_WORKER = load("forget_worker")
TRY_LOCK = load("try_lock")
UNLOCK = load("unlock")
DEPTHS = load("depths")
OUTBOX = load("outbox")
KNOW_SCHEDULE = load("know_schedule")
QUEUE_SCHEDULED = load("queue_scheduled")
LIST_RUNS = load("list_runs")
READ_RUN = load("read_run")
READ_ARGUMENTS = load("read_arguments")
READ_SCHEDULES = load("read_schedules")
CANCEL = load("cancel")
RETRY = load("retry")
FORGET_RUNS = load("forget_runs")
