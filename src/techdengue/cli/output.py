"""What a command shows: results on stdout, everything else on stderr, progress only where somebody watches."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from .errors import CommandFailed

PLAIN_EVERY_SECONDS = 5.0
"""How often progress is a line where nobody watches a bar."""

Advance = Callable[[int, int | None], None]
"""Called with how much is done and how much there is (None: unknown)."""


def say(sentence: str) -> None:
    """Tell the person at the terminal something; scripts that read stdout do not see it."""
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - printing is what a command line does


def tell(failure: CommandFailed) -> None:
    """A failure as its sentence, and what to do next."""
    say(f"techdengue: {failure.sentence}")
    if failure.do:
        say(f"  {failure.do}")


def put(line: str) -> None:
    """One line of the result."""
    print(line, flush=True)  # noqa: T201 - printing is what a command line does


def put_json(value: Any) -> None:
    """A result as JSON: indented for a person, one line for a pipe."""
    import msgspec  # lazy: see app.py

    encoded = msgspec.json.encode(value)
    put((msgspec.json.format(encoded, indent=2) if sys.stdout.isatty() else encoded).decode())


def table(heads: list[str], rows: list[list[str]]) -> None:
    """A result as aligned columns, the same on a terminal and in a pipe."""
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        put("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@contextlib.contextmanager
def progress(what: str) -> Iterator[Advance]:
    """A bar on stderr for something that may take longer than a moment; a line now and then where nobody watches."""
    if not sys.stderr.isatty():
        yield _plainly(what)
        return
    from rich.console import Console  # lazy: see app.py
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _plainly(what: str) -> Advance:
    last = time.monotonic()

    def advance(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_EVERY_SECONDS:
            last = time.monotonic()
            say(f"{what}: {done}" if total is None else f"{what}: {done} of {total}")

    return advance
