"""A file that names a process's port while it serves."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def port_file(path: Path | None) -> Iterator[Callable[[int], None]]:
    """Something that writes the port file whole (renamed into place); the file goes away at the end."""

    def write(port: int) -> None:
        if path is None:
            return
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        unfinished.write_text(f"{port}\n")
        unfinished.replace(path)

    try:
        yield write
    finally:
        if path is not None:
            path.unlink(missing_ok=True)
