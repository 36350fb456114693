"""Who runs in a data directory: a lock that dies with its holder, and dev.json, which tells others where things are.

`dev.json` holds under `environment` the TECHDENGUE_* variables that every `techdengue` command on this machine needs,
so only its owner may read it. After kill -9 it still names the processes, and the next start clears them away.
"""

import fcntl
import os
import signal
from pathlib import Path
from typing import Self

import msgspec

from techdengue.dev.errors import AlreadyRunningError
from techdengue.dev.private_files import write_private
from techdengue.dev.processes import command_of, end_process, until_gone


class RunningProcess(msgspec.Struct, frozen=True):
    """One process of the environment; its command tells it from a later one with the same id."""

    name: str
    pid: int
    command: str


class DevState(msgspec.Struct, frozen=True):
    """What dev.json says."""

    pid: int
    """Of `techdengue dev`."""
    urls: dict[str, str]
    """Name and address of everything that listens, without secrets."""
    environment: dict[str, str]
    processes: list[RunningProcess]


class DataDirectory:
    """The data directory while this process holds it. Entering raises AlreadyRunningError when somebody else does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def __enter__(self) -> Self:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path / "dev.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise AlreadyRunningError(_summarise(self.path)) from None
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        (self.path / "dev.json").unlink(missing_ok=True)
        os.close(self._lock)

    def write(self, state: DevState) -> None:
        """Tell others what runs here."""
        content = msgspec.json.format(msgspec.json.encode(state), indent=2)
        write_private(self.path / "dev.json", content, replace=True)

    def end_leftovers(self) -> list[str]:
        """End what an earlier run left behind when it was killed; the names of what was still running."""
        state = read_state(self.path)
        left = [] if state is None else [one for one in state.processes if command_of(one.pid) == one.command]
        for process in reversed(left):
            end_process(process.pid, signal.SIGINT if process.name == "PostgreSQL" else signal.SIGTERM)
        until_gone([process.pid for process in left])
        return [process.name for process in left]


def read_state(data_directory: Path) -> DevState | None:
    """What dev.json says; None when there is none or an interrupted version of ours wrote another shape."""
    try:
        return msgspec.json.decode((data_directory / "dev.json").read_bytes(), type=DevState)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _summarise(data_directory: Path) -> str:
    state = read_state(data_directory)
    if state is None:
        return f"`techdengue dev` is already starting or stopping in {data_directory.resolve()}"
    lines = [f"`techdengue dev` is already running here (pid {state.pid}, data in {data_directory.resolve()}):"]
    lines += [f"  {name:<12} {url}" for name, url in state.urls.items()]
    return "\n".join([*lines, f"Stop it with Ctrl-C there, or: kill {state.pid}"])
