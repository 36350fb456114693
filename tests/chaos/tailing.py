"""A process that follows the log through every failure: each position is the last one + 1, and stays what it was.

Its digest of all that it saw is compared at the end with the log as it is then: a position that was read once must
never come to hold another event, whatever crashed in between.
"""

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import asyncpg

from eventstore import DATABASE_AWAY, PostgresEventStore, assert_gapless
from tests.e2e.processes import Program

_PIECE: Final = 500
_PAUSE_SECONDS: Final = 0.02


class Digest:
    """Of the log from its beginning, event by event."""

    def __init__(self) -> None:
        self.position = 0
        self._hash = hashlib.sha256()

    def add(self, events: Iterable[Any]) -> None:
        """Take the next events. Raises GapInLog."""
        found = list(events)
        self.position = assert_gapless(self.position, found)
        for event in found:
            self._hash.update(f"{event.position}\x1f{event.writer}\x1f{event.key}\x1f{event.outcome}\x1e".encode())

    def __str__(self) -> str:
        return f"{self.position} {self._hash.hexdigest()}"


class Tail(Program):
    """The process, as others see it."""

    def __init__(self, owner_url: str, log: Path) -> None:
        env = {"CHAOS_DATABASE_URL": owner_url, "PYTHONPATH": str(Path(__file__).parents[2])}
        super().__init__(("-m", "tests.chaos.tailing"), env, log, Path(sys.executable))

    async def seen(self) -> str:
        """End it; position and digest of what it saw, or how it failed."""
        code = await self.stop()
        said = self.read_log().strip()
        return said.splitlines()[-1] if code == 0 else said


async def digest_of(connection: "asyncpg.Connection[Any]") -> str:
    """Position and digest of the whole log as it is now."""
    store, digest = PostgresEventStore(connection), Digest()
    while events := await store.read_all(digest.position, _PIECE):
        digest.add(events)
    return str(digest)


async def follow(url: str, digest: Digest, stop: asyncio.Event) -> None:
    """Read whatever comes until `stop`, and then to the end; wait for a database that is away."""
    while True:
        last = stop.is_set()
        try:
            connection = await asyncpg.connect(url, timeout=10, command_timeout=10)
            try:
                if await _read_on(PostgresEventStore(connection), digest, stop) and last:
                    return
            finally:
                connection.terminate()
        except DATABASE_AWAY:
            await asyncio.sleep(_PAUSE_SECONDS)  # nobody tells when a database comes back


async def _read_on(store: PostgresEventStore, digest: Digest, stop: asyncio.Event) -> bool:
    while True:
        ending = stop.is_set()
        events = await store.read_all(digest.position, _PIECE)
        digest.add(events)
        if not events and ending:
            return True
        if not events:
            await asyncio.sleep(_PAUSE_SECONDS)  # polling is what a reader without news does


async def main() -> None:
    """Follow until SIGTERM; print position and digest."""
    stop, digest = asyncio.Event(), Digest()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await follow(os.environ["CHAOS_DATABASE_URL"], digest, stop)
    sys.stdout.write(f"{digest}\n")


if __name__ == "__main__":
    asyncio.run(main())
