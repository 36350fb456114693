"""Looking at and ending processes that are not our children: what a crash left behind."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from techdengue.dev.errors import DevError


def is_running(pid: int) -> bool:
    """Whether a process of this id exists and is not a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def command_of(pid: int) -> str:
    """The command line of a process; empty when there is none."""
    place = Path("/proc") / str(pid) / "cmdline"
    if Path("/proc/self").exists():
        try:
            return place.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except (FileNotFoundError, ProcessLookupError):
            return ""
    listing = subprocess.run(  # noqa: S603  # a fixed command and a number
        ["/bin/ps", "-p", str(pid), "-o", "command="], check=False, capture_output=True, text=True, timeout=10
    )
    return listing.stdout.strip()


def child_pids(pid: int) -> list[int]:
    """The direct children of a process, where the kernel lists them (Linux)."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def end_process(pid: int, sent: signal.Signals) -> None:
    """Send a signal; a process that is gone already is as good."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sent)


def until_gone(pids: Sequence[int], *, timeout: float = 20.0) -> None:
    """Wait until none of the processes exists. Raises DevError naming those that stay."""
    deadline = time.monotonic() + timeout
    while left := [pid for pid in pids if is_running(pid)]:
        if time.monotonic() > deadline:
            raise DevError(f"processes {left} did not end within {timeout:.0f} s")
        time.sleep(0.02)  # no event tells of the end of a process that is not our child


def _is_zombie(pid: int) -> bool:
    try:
        status = (Path("/proc") / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] == "Z"
