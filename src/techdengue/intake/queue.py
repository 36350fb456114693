"""The bounded queue before the group commit: whatever arrived while the last commit was in flight goes together."""

import asyncio
import math
import time
from collections import deque

from .errors import Overloaded
from .jobs import Job

_LONGEST_RETRY = 30
_LARGEST_GROUP = 2 * 1024 * 1024
"""Bytes that are committed together, unless one job alone has more: small ones do not wait for many large ones."""


class Queue:
    """First in, first out, bounded in operations and bytes; a full queue refuses instead of growing."""

    def __init__(self, *, operations: int, size: int) -> None:
        self._jobs: deque[Job] = deque()
        self._arrival = asyncio.Event()
        self._most_operations = operations
        self._most_bytes = size
        self._operations = 0
        self._bytes = 0
        self._rate = 1000.0
        self._closed = False

    def put(self, job: Job) -> None:
        """Let a job wait for its commit. Raises Overloaded when there is no room."""
        full = self._operations + job.weight > self._most_operations or self._bytes + job.size > self._most_bytes
        if full and self._jobs:
            seconds = math.ceil(self._operations / max(self._rate, 1.0))
            raise Overloaded(retry_after=max(1, min(seconds, _LONGEST_RETRY)))
        self._jobs.append(job)
        self._operations += job.weight
        self._bytes += job.size
        self._arrival.set()

    async def take(self, most: int) -> list[Job]:
        """The next group: at least one job, at most `most` operations and 2 MiB unless one job alone has more.

        An empty list says that the queue is closed and drained.
        """
        while not self._jobs:
            if self._closed:
                return []
            self._arrival.clear()
            await self._arrival.wait()
        group = [self._pop()]
        weight, size = group[0].weight, group[0].size
        while self._jobs and weight + self._jobs[0].weight <= most and size + self._jobs[0].size <= _LARGEST_GROUP:
            group.append(self._pop())
            weight += group[-1].weight
            size += group[-1].size
        return group

    def committed(self, operations: int, started: float) -> None:
        """Tell the queue how fast commits are, for the `Retry-After` of a full one."""
        rate = operations / max(time.monotonic() - started, 1e-6)
        self._rate += 0.1 * (rate - self._rate)

    def close(self) -> None:
        """No job will come any more; `take` answers what is left, then empty lists."""
        self._closed = True
        self._arrival.set()

    def __len__(self) -> int:
        return self._operations

    def _pop(self) -> Job:
        job = self._jobs.popleft()
        self._operations -= job.weight
        self._bytes -= job.size
        return job
