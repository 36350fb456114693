"""What is broken, one kind each; all of it over before the next is due, so that each has its own recovery."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import asyncpg

from eventstore import DATABASE_AWAY

from .ledger import Ledger
from .postgres_proxy import Step, Wire
from .site import SQL, Broken

UNAVAILABLE: Final = "503"
_CLOCKS: Final = (3600.0, -3600.0, 0.0, 90_000.0, -7.0, 0.0)
"""Seconds off, one after the other."""


class Faults:
    """Breaks a site while a ledger's load goes on, and counts."""

    def __init__(self, broken: Broken, seed: int) -> None:
        self.counted: Counter[str] = Counter()
        self.broken = broken
        self._rng = random.Random(seed)  # noqa: S311 - repeatable bad luck, not a secret
        self._clocks = 0

    async def inject(self, kinds: Sequence[str], gap: int, ledger: Ledger, stop: asyncio.Event) -> None:
        """One fault after the other, the next whenever `gap` more operations are acknowledged; ends early on `stop`."""
        for kind in kinds:
            await _let_pass(gap, ledger)
            if stop.is_set():
                return
            ledger.fault(kind)
            await KINDS[kind](self, ledger)
            self.counted[kind] += 1
        await _let_pass(gap, ledger)

    async def kill_api(self, _: Ledger) -> None:
        """One of the two."""
        server = self._rng.choice(self.broken.servers)
        await server.kill()
        await server.start()

    async def kill_both_apis(self, _: Ledger) -> None:
        """Nobody is there for a while."""
        await asyncio.gather(*(server.kill() for server in self.broken.servers))
        await asyncio.gather(*(server.start() for server in self.broken.servers))

    async def kill_projector(self, _: Ledger) -> None:
        """There is one."""
        await self.broken.projector.kill()
        await self.broken.projector.start()

    async def kill_postgres(self, _: Ledger) -> None:
        """Every process of it."""
        await self.broken.postgres.kill()
        await self.broken.postgres.start()

    async def kill_backend(self, _: Ledger) -> None:
        """The one that was just told to append; PostgreSQL then resets itself and all other backends."""

        async def kill(wire: Wire) -> None:
            os.kill(wire.pid, signal.SIGKILL)

        await self.broken.proxy.strike(Step.APPEND_SENT, kill)
        await self._until_postgres_answers()

    async def terminate_backend(self, _: Ledger) -> None:
        """As an administrator would."""
        owner = await self.broken.owner()
        try:
            assert await owner.fetchval(SQL["terminate_backend"]) == 1
        finally:
            await owner.close()

    async def kill_redis(self, ledger: Ledger) -> None:
        """Sync goes on while it is away."""
        await self.broken.valkey.kill()
        await ledger.until_acknowledged(ledger.acknowledged + 10)
        await self.broken.valkey.start()

    async def kill_s3(self, ledger: Ledger) -> None:
        """Sync goes on while it is away."""
        await self.broken.s3.kill()
        await ledger.until_acknowledged(ledger.acknowledged + 10)
        await self.broken.s3.start()

    async def fill_disk(self, ledger: Ledger) -> None:
        """No table grows any more, until devices have been told to come back three times."""
        self.broken.disk.fill(self.broken.postgres.pid)
        await ledger.until_failed(UNAVAILABLE, 3)
        await self._free_disk()

    async def fill_disk_until_wal_fails(self, _: Ledger) -> None:
        """The log of PostgreSQL itself finds no room: it panics, and ends or recovers."""
        owner = await self.broken.owner()
        self.broken.disk.fill(self.broken.postgres.pid)
        try:
            while True:
                await owner.execute("SELECT pg_logical_emit_message(false, 'chaos', 'x'), pg_switch_wal()")
        except DATABASE_AWAY:
            pass  # it panicked
        finally:
            owner.terminate()
        await self._free_disk()

    async def _free_disk(self) -> None:
        """Make room; a PostgreSQL that has ended is started again, as its supervisor would."""
        postgres = self.broken.postgres
        self.broken.disk.free(postgres.pid if postgres.running else None)
        await self._until_postgres_answers()

    async def _until_postgres_answers(self) -> None:
        """Wait for a recovery; start it where it gave up."""
        async with asyncio.timeout(60):
            while True:
                if not self.broken.postgres.running:
                    await self.broken.postgres.kill()  # what is left of it
                    await self.broken.postgres.start()
                try:
                    await (await self.broken.owner()).close()
                except (*DATABASE_AWAY, asyncpg.PostgresError):
                    await asyncio.sleep(0.02)  # nobody tells when a database comes back
                else:
                    return

    async def set_clock(self, _: Ledger) -> None:
        """The database's clock as the server's statements see it; the APIs' own clocks stay."""
        owner = await self.broken.owner()
        try:
            await owner.execute(SQL["set_clock"], _CLOCKS[self._clocks % len(_CLOCKS)])
        finally:
            await owner.close()
        self._clocks += 1


async def _let_pass(operations: int, ledger: Ledger) -> None:
    ledger.enough = ledger.acknowledged + operations
    await ledger.until_acknowledged(ledger.enough)


def _cut(step: Step) -> Callable[[Faults, Ledger], Awaitable[None]]:
    async def cut(faults: Faults, _: Ledger) -> None:
        await faults.broken.proxy.strike(step)

    return cut


KINDS: Final[Mapping[str, Callable[[Faults, Ledger], Awaitable[None]]]] = {
    "kill -9 of one API": Faults.kill_api,
    "kill -9 of both APIs": Faults.kill_both_apis,
    "kill -9 of the projector": Faults.kill_projector,
    "kill -9 of all of PostgreSQL": Faults.kill_postgres,
    "kill -9 of a backend in an append": Faults.kill_backend,
    "backend terminated": Faults.terminate_backend,
    "kill -9 of Redis": Faults.kill_redis,
    "kill -9 of S3": Faults.kill_s3,
    "disk full, tables cannot grow": Faults.fill_disk,
    "disk full, WAL cannot grow": Faults.fill_disk_until_wal_fails,
    "clock of the database jumps": Faults.set_clock,
    **{f"connection cut {step.value}": _cut(step) for step in Step},
}
