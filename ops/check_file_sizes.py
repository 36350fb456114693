"""Fails when a Python file is too long to be read in one sitting. Arguments: the folders to look through."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

LONGEST = 400


def too_long(folders: Iterable[Path]) -> Iterator[str]:
    """A sentence for each Python file of more than LONGEST lines."""
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            lines = len(file.read_text("utf-8").splitlines())
            if lines > LONGEST:
                yield f"{file}: {lines} lines; at most {LONGEST}: split it along what it does"


if __name__ == "__main__":
    sys.exit("\n".join(too_long(map(Path, sys.argv[1:]))) or None)
