"""Conflicts are parked while Redis is flushed and killed, workers and PostgreSQL are killed, and FCM fails: in the end
each recipient's device shows each conflict, once.

The parking goes through a real server, the messages go to a stand-in that speaks FCM's wire, and what a device shows is
told by target and tag: a message that is sent again with the same tag takes the place of the first.
"""

import asyncio
import contextlib
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import msgspec
import redis.asyncio
import redis.exceptions

from eventstore import DATABASE_AWAY
from techdengue.dev.database import Database, create_migrated
from techdengue.dev.ports import free_ports
from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.dev.private_files import keep_signing_key
from techdengue.dev.valkey import EmbeddedValkey
from techdengue.domain.access import Role
from tests.e2e.processes import Program, Server, environment, running
from tests.e2e.wire import Site, operation
from tests.push.faults import Fault
from tests.push.fcm import StandIn

from .site import fresh_home

CUIABA: Final = "5103403"
PEOPLE: Final = (("d-ana", "ana", Role.CAMPO), ("d-gil", "gil", Role.GESTOR), ("d-bia", "bia", Role.GESTOR))
"""Who is told of every conflict: whose device it is of, and the managers of the município."""
WORKERS: Final = 2
SLOTS: Final = 4
CLAIMED_SECONDS: Final = 2.0
_BATCH: Final = 10
_QUIET_SECONDS: Final = 300.0
"""How long it may take until everything has ended, once nothing breaks any more."""
_MESSAGES_BROKEN: Final = (Fault.UNAVAILABLE, Fault.DROPPED, Fault.ANSWER_LOST, Fault.BAD_GATEWAY)


class Notified(msgspec.Struct, kw_only=True):
    """What a run of it came to."""

    conflicts: int
    faults: Counter[str]
    seconds: float = 0.0
    messages: int = 0
    again: int = 0
    """Messages that were sent once more with the same tag: they show nothing new."""
    attempts: int = 0
    parked: set[str] = set()
    """The ids of the conflicts, as the server answered them."""
    wrong: list[str] = []

    def table(self) -> str:
        """As a document shows it."""
        rows = {
            "conflicts parked": self.conflicts,
            "runs that notified them, attempts of all": f"{self.conflicts:,}, {self.attempts:,}",
            "notifications shown, three a conflict": f"{self.messages - self.again:,}",
            "messages sent once more, in the place of the first": self.again,
            "**missing, doubled or otherwise wrong**": f"**{len(self.wrong)}**",
            **{f"fault: {kind}": count for kind, count in sorted(self.faults.items())},
        }
        lines = [f"| {name} | {value if isinstance(value, str) else f'{value:,}'} |" for name, value in rows.items()]
        return "\n".join([f"{self.seconds:,.0f} s.", "", "| figure | |", "| --- | ---: |", *lines])


class Notifying:
    """One stage: PostgreSQL, Redis, a server, workers and the stand-in."""

    def __init__(
        self,
        postgres: EmbeddedPostgres,
        valkey: EmbeddedValkey,
        database: Database,
        site: Site,
        fcm: StandIn,
        workers: list[Program],
        seed: int,
    ) -> None:
        self.postgres = postgres
        self.valkey = valkey
        self.database = database
        self.site = site
        self.fcm = fcm
        self.workers = workers
        self._rng = random.Random(seed)  # noqa: S311 - a repeatable story, not a secret

    async def run(self, conflicts: int, *, gap: int, kinds: tuple[str, ...] = ()) -> Notified:
        """Park so many conflicts; meanwhile and after, something breaks whenever `gap` more messages were taken."""
        began = time.monotonic()
        await self._register()
        found = Notified(conflicts=conflicts, faults=Counter())
        async with asyncio.TaskGroup() as group:
            parking = group.create_task(self._park(conflicts))
            group.create_task(self._break(found, len(PEOPLE) * conflicts, gap, kinds or tuple(KINDS)))
        await self._ended()
        found.parked = parking.result()
        found.wrong = await self.check(found)
        found.seconds = time.monotonic() - began
        return found

    async def _register(self) -> None:
        for device, user, role in PEOPLE:
            token = self.site.token(user, role, (CUIABA,))
            push = {"push": {"kind": "token", "value": f"to-{device}"}}
            answer = await self.site.ask("PUT", f"/api/devices/{device}", token, body=push)
            assert answer.status == 200, answer.body

    async def _park(self, conflicts: int) -> set[str]:
        """Their ids, as the server answered them."""
        found: set[str] = set()
        field, other = self.site.token("ana", Role.CAMPO, (CUIABA,)), self.site.token("rui", Role.CAMPO, (CUIABA,))
        for first in range(0, conflicts, _BATCH):
            entities = [f"e-{number}" for number in range(first, min(first + _BATCH, conflicts))]
            data = {"tipo": "VISTORIA", "municipio_cod_ibge": CUIABA, "descricao": "a"}
            made = [operation("create", entity, f"c-{entity}", data) for entity in entities]
            changed = [operation("update", e, f"u-{e}", {"descricao": "b"}, base_version=1) for e in entities]
            await self._sync(other, "d-rui", [*made, *changed])
            manual = {"base_version": 1, "conflict_resolution_strategy": "manual"}
            parked = [operation("update", e, f"p-{e}", {"descricao": "c"}, **manual) for e in entities]
            told = await self._sync(field, "d-ana", parked)
            assert len(told["conflicts"]) == len(entities), told
            found.update(str(conflict["conflict_id"]) for conflict in told["conflicts"])
        return found

    async def _sync(self, token: str, device: str, operations: list[Any]) -> Any:
        """As a device does it: the same keys again, until they are answered."""
        async with asyncio.timeout(_QUIET_SECONDS):
            while True:
                body = {"operations": operations}
                with contextlib.suppress(aiohttp.ClientError):
                    answer = await self.site.ask("POST", "/api/sync", token, body=body, device=device)
                    if answer.status == 200:
                        return answer.body
                    assert answer.status in (429, 503), answer.body
                await asyncio.sleep(0.05)  # what Retry-After would say, for a device in a hurry

    async def _break(self, found: Notified, messages: int, gap: int, kinds: tuple[str, ...]) -> None:
        """One fault after the other, each kind before any comes again, while more than a gap is to be sent."""
        bag: list[str] = []
        for number in range(gap, messages - gap, gap):
            async with asyncio.timeout(_QUIET_SECONDS):
                while len(self.fcm.taken) < number:  # noqa: ASYNC110 - of other processes
                    await asyncio.sleep(0.01)
            bag = bag or self._rng.sample(kinds, len(kinds))
            kind = bag.pop()
            await KINDS[kind](self)
            found.faults[kind] += 1

    async def kill_worker(self) -> None:
        """One of them, in the middle of whatever it does."""
        worker = self._rng.choice(self.workers)
        await worker.kill()
        await worker.start()

    async def kill_all_workers(self) -> None:
        """Nobody is there for a while."""
        await asyncio.gather(*(worker.kill() for worker in self.workers))
        await asyncio.gather(*(worker.start() for worker in self.workers))

    async def flush_redis(self) -> None:
        """All hints are gone."""
        async with redis.asyncio.Redis.from_url(self.valkey.url) as client:
            await client.flushall()

    async def kill_redis(self) -> None:
        """It is away while ten more messages are sent."""
        await self.valkey.kill()
        before = len(self.fcm.taken)
        async with asyncio.timeout(_QUIET_SECONDS):
            while len(self.fcm.taken) < before + 10:  # noqa: ASYNC110 - of other processes
                await asyncio.sleep(0.01)
        await self.valkey.start()

    async def kill_postgres(self) -> None:
        """Every process of it."""
        await self.postgres.kill()
        await self.postgres.start()

    async def break_messages(self) -> None:
        """FCM fails the next ones to a device: refuses, hangs up, or takes the message and loses the answer."""
        device, _, _ = self._rng.choice(PEOPLE)
        self.fcm.faults.setdefault(f"to-{device}", []).extend(self._rng.choices(_MESSAGES_BROKEN, k=3))

    async def _ended(self) -> None:
        """Until no run is queued or running."""
        async with asyncio.timeout(_QUIET_SECONDS):
            while True:
                with contextlib.suppress(*DATABASE_AWAY):
                    if not await self._ask("SELECT count(*) FROM jobs.run WHERE status IN ('queued', 'running')"):
                        return
                await asyncio.sleep(0.05)

    async def check(self, found: Notified) -> list[str]:
        """Count what was sent; sentences about what is wrong."""
        expected = {(f"to-{device}", f"conflito/{each}") for device, _, _ in PEOPLE for each in found.parked}
        shown = Counter((taken.target, taken.tag) for taken in self.fcm.taken)
        found.messages, found.again = shown.total(), shown.total() - len(shown)
        found.attempts = await self._ask("SELECT sum(attempts) FROM jobs.run WHERE job = 'notify_sync_conflict'")
        wrong = [f"{target} does not show {tag}" for target, tag in sorted(expected - shown.keys())]
        wrong += [f"{target} shows {tag}, which nobody parked" for target, tag in sorted(shown.keys() - expected)]
        if len(found.parked) != found.conflicts:
            wrong.append(f"{len(found.parked)} conflicts were parked, not {found.conflicts}")
        for sentence, query in _COUNTS.items():
            if count := await self._ask(query):
                wrong.append(f"{count} {sentence}")
        return wrong

    async def _ask(self, query: str) -> Any:
        owner = await asyncpg.connect(self.database.owner_url, timeout=30)
        try:
            return await owner.fetchval(query)
        finally:
            await owner.close()


KINDS: Final[dict[str, Callable[[Notifying], Awaitable[None]]]] = {
    "kill -9 of a worker": Notifying.kill_worker,
    "kill -9 of all workers": Notifying.kill_all_workers,
    "Redis flushed": Notifying.flush_redis,
    "kill -9 of Redis": Notifying.kill_redis,
    "kill -9 of all of PostgreSQL": Notifying.kill_postgres,
    "FCM fails three messages": Notifying.break_messages,
}
_COUNTS: Final = {
    "conflicts without a run of their own": (
        "SELECT count(*) FROM projections.conflict AS c WHERE NOT EXISTS (SELECT FROM jobs.run AS r "
        "WHERE r.job = 'notify_sync_conflict' AND r.key = c.conflict_id::text)"
    ),
    "runs without a conflict": (
        "SELECT count(*) FROM jobs.run AS r WHERE r.job = 'notify_sync_conflict' AND NOT EXISTS "
        "(SELECT FROM projections.conflict AS c WHERE r.key = c.conflict_id::text)"
    ),
    "runs that did not succeed": "SELECT count(*) FROM jobs.run WHERE status <> 'succeeded'",
    "deliveries that are not recorded as sent": "SELECT count(*) FROM jobs.push_delivery WHERE state <> 'sent'",
}


@contextlib.asynccontextmanager
async def standing(*, seed: int) -> AsyncIterator[Notifying]:
    """All of it, started; at the end nothing of it is left."""
    async with contextlib.AsyncExitStack() as stack:
        home = stack.enter_context(fresh_home("techdengue-notify-"))
        postgres = EmbeddedPostgres(home / "pg", port=free_ports(1)[0], log=home / "postgres.log")
        valkey = EmbeddedValkey(home / "redis", port=free_ports(1)[0])
        for started in (postgres, valkey):
            stack.push_async_callback(started.stop)
        await asyncio.gather(postgres.start(), valkey.start())
        database = await create_migrated(postgres, "app", "server-of-the-tests")
        keep_signing_key(home / "key.pem")
        fcm = await stack.enter_async_context(StandIn().running())
        env = environment(database.server_url, home / "key.pem") | {"TECHDENGUE_REDIS_URL": valkey.url}
        server = Server(env, home / "server.log")
        workers = [_worker(env, fcm, home, number) for number in range(WORKERS)]
        await stack.enter_async_context(running(server, *workers))
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=40)))
        yield Notifying(postgres, valkey, database, Site(http, [server.url], home / "key.pem"), fcm, workers, seed)


def _worker(env: dict[str, str], fcm: StandIn, home: Path, number: int) -> Program:
    more = {
        "push_service_account_file": fcm.write_service_account(home / "service-account.json"),
        "push_endpoint": fcm.url,
        "worker_port": 0,
        "job_slots": SLOTS,
        "job_lease_seconds": 1.0,
        "job_poll_seconds": 0.5,
    }
    named = {f"TECHDENGUE_{name.upper()}": str(value) for name, value in more.items()}
    arguments = ("-m", "tests.push.worker", str(CLAIMED_SECONDS))
    return Program(arguments, env | named, home / f"worker-{number}.log", script=Path(sys.executable))
