"""Lines of a body of any length: split as they come, gathered while the ones before are on their way to disk.

Memory is bounded: a line has at most 1 MiB, and who reads waits while as much has gathered as goes into one commit.
"""

import asyncio
import re
from collections.abc import Iterator
from typing import Final

from .problems import Problem

LONGEST_LINE: Final = 1024 * 1024
MOST_LINES: Final = 200
"""Lines that are committed together, as many as a group of the intake usually has."""
MOST_BYTES: Final = 512 * 1024
"""… and their bytes, unless one line alone has more."""

_BLANK_LINES: Final = re.compile(rb"\n\s*\n")
"""Any number of them, one after the other: they cost no look at each."""

Line = bytes | None
"""A line that is not blank; None stands for one that was too long to keep."""


class Splitter:
    """Cuts pieces of a text into its lines."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self._too_long = False

    def feed(self, piece: bytes) -> Iterator[Line]:
        """The lines that end in this piece."""
        first, *others = _BLANK_LINES.sub(b"\n", piece).split(b"\n")
        self._extend(first)
        for other in others:
            yield from self.finish()
            self._extend(other)

    def finish(self) -> Iterator[Line]:
        """The line that has begun, which ends here."""
        line, too_long = bytes(self._begun), self._too_long
        self._begun.clear()
        self._too_long = False
        if too_long:
            yield None
        elif line and not line.isspace():
            yield line

    @property
    def held(self) -> int:
        """Bytes of the line that has begun."""
        return len(self._begun)

    def _extend(self, part: bytes) -> None:
        if self._too_long:
            return
        if len(self._begun) + len(part) > LONGEST_LINE:
            self._too_long = True
            self._begun.clear()
        else:
            self._begun += part


class Gathering:
    """What has arrived and is not yet being committed: one side puts lines, the other takes all there are."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._size = 0
        self._over = False
        self._problem: Problem | None = None
        self._broken: Problem | None = None
        self._arrival = asyncio.Event()
        self._room = asyncio.Event()
        self._breaking = asyncio.Event()

    @property
    def held(self) -> int:
        """Bytes that have gathered."""
        return self._size

    async def put(self, line: Line) -> None:
        """Add a line; waits while there is no room."""
        while self._lines and (len(self._lines) >= MOST_LINES or self._size + len(line or b"") > MOST_BYTES):
            self._room.clear()
            await self._room.wait()
        self._lines.append(line)
        self._size += len(line or b"")
        self._arrival.set()

    async def take(self) -> list[Line]:
        """All that has gathered, at least one line; none at the end. Raises the Problem that ended it."""
        while not self._lines and not self._over and not self._broken:
            self._arrival.clear()
            await self._arrival.wait()
        if self._broken is not None:
            raise self._broken
        if not self._lines and self._problem is not None:
            raise self._problem
        lines, self._lines, self._size = self._lines, [], 0
        self._room.set()
        return lines

    def end(self, problem: Problem | None = None) -> None:
        """No more lines will come, because of that problem, if any."""
        self._over, self._problem = True, problem
        self._arrival.set()

    def break_off(self, problem: Problem) -> None:
        """Take nothing more, not even what has gathered."""
        self._broken = self._broken or problem
        self._arrival.set()
        self._breaking.set()

    async def pause(self, seconds: float) -> None:
        """Wait so long. Raises the Problem of a `break_off` meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._breaking.wait()
        except TimeoutError:
            return
        if self._broken is not None:
            raise self._broken
