"""Directories for Unix sockets, whose paths may not be longer than about a hundred bytes."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from techdengue.dev.errors import DevError

_LONGEST: Final = 80


def socket_directory(home: Path) -> Path:
    """Where a server with this home has its sockets: in it, or in a shorter place when that path is too long."""
    inside = home.resolve() / "socket"
    if len(str(inside)) <= _LONGEST:
        return inside
    digest = hashlib.sha256(str(inside).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"techdengue-{os.getuid()}-{digest}"


def make_private(directory: Path, user: int | None = None) -> None:
    """Make a directory that only the server, run by `user` or by us, enters. Raises DevError when it is somebody's."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.is_symlink() or directory.stat().st_uid not in (os.getuid(), user):
        raise DevError(f"{directory} belongs to somebody else: remove it")
    if user is not None:
        os.chown(directory, user, user)
