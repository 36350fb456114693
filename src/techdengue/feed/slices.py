"""Thousands who are answered at once, a slice at a time: in between the event loop does everybody else's work."""

import asyncio
import collections
from collections.abc import Callable, Iterable
from typing import Final

Step = Callable[[], None]

_SLICE: Final = 32


class Slices:
    """Steps in the order in which they came, few in each turn of the loop, the first of them at once."""

    def __init__(self) -> None:
        self._steps: collections.deque[Step] = collections.deque()
        self._going = False

    def add(self, steps: Iterable[Step]) -> None:
        """Take these after all that were added before."""
        self._steps.extend(steps)
        if not self._going:
            self._going = True
            self._take()

    def _take(self) -> None:
        for _ in range(min(_SLICE, len(self._steps))):
            self._steps.popleft()()
        if self._steps:
            asyncio.get_running_loop().call_soon(self._take)
        else:
            self._going = False
