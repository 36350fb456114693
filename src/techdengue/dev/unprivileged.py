"""How PostgreSQL, which refuses to be root, is started by root.

A user namespace maps root to an ordinary uid: it works below directories that only root enters and adds no user. Where
user namespaces are forbidden (a stock Docker seccomp profile), the server runs as the uid `nobody`, with a copy of its
binaries and its data where `nobody` can reach them.
"""

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec

from techdengue.dev.errors import DevError

_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
_NOBODY = 65_534


class Identity(msgspec.Struct, frozen=True):
    """How a server that must not be root is started, and where its files are."""

    prefix: tuple[str, ...]
    """Comes before the command."""
    user: int | None
    """The uid to switch to; None stays as it is."""
    binaries: Path
    home: Path
    """Where the data directory goes."""


def choose_identity(binaries: Path, home: Path) -> Identity:
    """Decide how to run the binaries with data below `home`, which is made. Raises DevError when nothing works."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.geteuid() != 0:
        return Identity((), None, binaries, home)
    if _namespaces_work():
        return Identity(_NAMESPACE, None, binaries, home)
    return _as_nobody(binaries, home)


@functools.cache
def _namespaces_work() -> bool:
    program = shutil.which(_NAMESPACE[0])
    if program is None:
        return False
    outcome = subprocess.run(  # noqa: S603  # a fixed command
        [program, *_NAMESPACE[1:], "true"], check=False, capture_output=True, timeout=10
    )
    return outcome.returncode == 0


def _as_nobody(binaries: Path, home: Path) -> Identity:
    if not _reachable(binaries / "postgres"):
        binaries = _copy_binaries(binaries)
    if not _reachable(home.parent):
        digest = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
        home = _directory_of_nobody(f"techdengue-{digest}")
    else:
        os.chown(home, _NOBODY, _NOBODY)
    return Identity((), _NOBODY, binaries, home)


def _reachable(path: Path) -> bool:
    """Whether `nobody` can enter every directory above the path, and the path itself."""
    return all(place.stat().st_mode & 0o001 for place in (path.resolve(), *path.resolve().parents))


def _copy_binaries(binaries: Path) -> Path:
    installation = binaries.parent
    digest = hashlib.sha256(str(installation.resolve()).encode()).hexdigest()[:12]
    copy = Path(tempfile.gettempdir()) / f"techdengue-postgres-{digest}"
    complete = copy / ".complete"
    if copy.exists() and copy.stat().st_uid != 0:
        raise DevError(f"{copy} belongs to somebody else: remove it, or run as an ordinary user")
    if not complete.exists():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(installation, copy, symlinks=True)
        copy.chmod(0o755)
        complete.touch()
    return copy / binaries.name


def _directory_of_nobody(name: str) -> Path:
    place = Path("/var/tmp") / name  # noqa: S108  # kept between runs; owner and mode are checked below
    place.mkdir(mode=0o700, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid not in (0, _NOBODY):
        raise DevError(f"{place} belongs to somebody else: remove it, or run as an ordinary user")
    os.chown(place, _NOBODY, _NOBODY)
    return place
