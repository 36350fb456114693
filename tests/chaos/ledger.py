"""What devices sent and what they were told: every attempt and every answer of every operation, heard or not."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from tests.e2e.playing import Place, Told
from tests.e2e.wire import Json

Key = tuple[str, str]
"""A device and its idempotency key: what names an operation for ever."""

STALL_SECONDS: Final = 120.0
"""So long without one acknowledgement, and the run has failed: nothing recovers."""


class Entry(msgspec.Struct, kw_only=True):
    """All about one operation. `heard` and `unheard` are the answers, in the order in which they came."""

    device: str
    place: Place
    operation: Json
    number: int
    """Its place in what the device ever made, from 0."""
    sent_at: list[int | None] = []
    """What each attempt said of the device's clock, µs."""
    heard: list[Told] = []
    unheard: list[Told] = []

    @property
    def key(self) -> Key:
        """What names the operation."""
        return self.device, self.operation["idempotency_key"]


class Ledger:
    """The entries of one episode, and how it goes on. A fault is over with the first answer to something sent later."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        self.acknowledged = 0
        """Operations of which at least one answer was heard."""
        self.attempts = 0
        """Operations sent, each as often as it was."""
        self.failures: Counter[str] = Counter()
        """Requests without an answer that counts, by what came instead."""
        self.recovery: dict[str, float] = {}
        """The longest time from a fault to the first answer after it, in seconds, by kind of fault."""
        self.enough = 0
        """Acknowledged operations beyond which devices take their time."""
        self._progress = asyncio.Condition()
        self._open_faults: list[tuple[float, str]] = []

    def add(self, device: str, place: Place, operation: Json, number: int) -> Entry:
        """Note an operation that a device has made."""
        entry = Entry(device=device, place=place, operation=operation, number=number)
        assert entry.key not in self.entries
        self.entries[entry.key] = entry
        return entry

    def sent(self, entries: Sequence[Entry], sent_at: int | None) -> float:
        """Note an attempt; answers when it began."""
        for entry in entries:
            entry.sent_at.append(sent_at)
        self.attempts += len(entries)
        return time.monotonic()

    async def hear(self, told: Sequence[Told], began: float) -> None:
        """Note what a device was answered to an attempt that began then."""
        now = time.monotonic()
        for answer in told:
            entry = self.entries[answer.key]
            self.acknowledged += not entry.heard
            entry.heard.append(answer)
        for fault in [fault for fault in self._open_faults if fault[0] <= began]:
            self._open_faults.remove(fault)
            self.recovery[fault[1]] = max(self.recovery.get(fault[1], 0.0), now - fault[0])
        await self._tell()

    def overhear(self, told: Sequence[Told]) -> None:
        """Note answers that no device heard."""
        for answer in told:
            self.entries[answer.key].unheard.append(answer)

    async def fail(self, how: str) -> None:
        """Note a request that was not answered with what became of its operations."""
        self.failures[how] += 1
        await self._tell()

    def fault(self, kind: str) -> None:
        """Note a fault: its recovery is measured from now."""
        self._open_faults.append((time.monotonic(), kind))

    async def until_acknowledged(self, number: int) -> None:
        """Wait until so many operations are acknowledged. Raises TimeoutError when nothing moves any more."""
        while self.acknowledged < number:
            before = self.acknowledged
            async with asyncio.timeout(STALL_SECONDS), self._progress:
                await self._progress.wait_for(lambda: self.acknowledged > before)  # noqa: B023 - awaited at once

    async def until_failed(self, how: str, more: int) -> None:
        """Wait until so many more requests have failed like this."""
        number = self.failures[how] + more
        async with asyncio.timeout(STALL_SECONDS), self._progress:
            await self._progress.wait_for(lambda: self.failures[how] >= number)

    async def _tell(self) -> None:
        async with self._progress:
            self._progress.notify_all()
