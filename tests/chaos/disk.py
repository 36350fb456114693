"""A disk that can be made full, and free again, at any moment.

Where the kernel lets us mount, PostgreSQL's files are on a file system of their own whose size is set to what is in
use: ENOSPC, as on a full disk. Elsewhere no process of PostgreSQL may write beyond the first MiB of any file: EFBIG.
"""

import os
import resource
import subprocess
from pathlib import Path
from typing import Final, Protocol

from techdengue.dev.processes import child_pids

_ROOMY: Final = "75%"
_ATTEMPTS: Final = 50
_FILE_LIMIT: Final = 1024 * 1024


class Disk(Protocol):
    """Where PostgreSQL's files are."""

    kind: str
    """What it is, for the report."""

    def fill(self, postmaster: int) -> None:
        """From now on nothing more can be written than was; `postmaster` is who writes."""
        ...

    def free(self, postmaster: int | None) -> None:
        """There is room again; None where nobody is left to tell."""
        ...

    def remove(self) -> None:
        """Give the place back. Nobody uses it any more."""
        ...


def make_disk(place: Path) -> Disk:
    """The best disk that can be had here, on `place`, which is made."""
    place.mkdir(mode=0o755)
    try:
        return _Mounted(place)
    except (OSError, subprocess.CalledProcessError):
        return Limited()


class _Mounted:
    kind = "a file system of its own (tmpfs), its size set to what is in use: ENOSPC"

    def __init__(self, place: Path) -> None:
        self._place = place
        if os.geteuid() != 0:
            raise PermissionError("only root mounts")
        _run("mount", "-t", "tmpfs", "-o", f"size={_ROOMY},mode=755", "techdengue-chaos", str(place))

    def fill(self, postmaster: int) -> None:
        for attempts_left in range(_ATTEMPTS - 1, -1, -1):
            found = os.statvfs(self._place)
            try:
                self._resize(str((found.f_blocks - found.f_bfree) * found.f_frsize))
            except subprocess.CalledProcessError:  # more was written in between
                if attempts_left == 0:
                    raise
            else:
                return

    def free(self, postmaster: int | None) -> None:
        self._resize(_ROOMY)

    def remove(self) -> None:
        _run("umount", "--lazy", str(self._place))

    def _resize(self, size: str) -> None:
        _run("mount", "-o", f"remount,size={size}", str(self._place))


class Limited:
    """Works wherever PostgreSQL keeps its files."""

    kind = "a limit of 1 MiB on every file that PostgreSQL writes (no right to mount here): EFBIG"

    def fill(self, postmaster: int) -> None:
        self._limit(postmaster, _FILE_LIMIT)

    def free(self, postmaster: int | None) -> None:
        if postmaster is not None:
            self._limit(postmaster, None)

    def remove(self) -> None:
        """Nothing of its own to give back."""

    def _limit(self, postmaster: int, size: int | None) -> None:
        for pid in (postmaster, *child_pids(postmaster)):
            try:
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))
            except ProcessLookupError:  # a backend that has just ended
                continue


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30)
