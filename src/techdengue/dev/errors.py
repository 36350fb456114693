"""What can go wrong with embedded servers and the development environment.

DevError
├── ServerError          an embedded server did not start, or stopped by itself
└── AlreadyRunningError  another `techdengue dev` holds this data directory
"""

from pathlib import Path


class DevError(Exception):
    """The development environment cannot do what was asked; the message says why and what to do."""


class ServerError(DevError):
    """An embedded server did not become ready, or ended by itself. `log_tail` is the end of what it said."""

    def __init__(self, name: str, reason: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.log_tail = read_tail(log)
        super().__init__(f"{name} {reason}; its log is {log}\n{self.log_tail}".rstrip())


class AlreadyRunningError(DevError):
    """Another `techdengue dev` holds the data directory; `summary` says what is running and where."""

    def __init__(self, summary: str) -> None:
        self.summary = summary
        super().__init__(summary)


def read_tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log file; empty when there is none."""
    try:
        text = log.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
