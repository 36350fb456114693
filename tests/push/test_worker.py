"""Real workers are killed while they push, and Redis is emptied: every device shows every conflict once."""

import asyncio
import random
import sys
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from jobs.enqueue import enqueue
from jobs.model import Origin
from jobs.outbox import ConflictParked
from jobs.push.notify_sync_conflict import NOTIFY_SYNC_CONFLICT
from techdengue.domain.access import Role
from tests.e2e.processes import Program
from tests.jobs.working import until

from .delivering import Site
from .fcm import StandIn

CONFLICTS = 150
CLAIMED_SECONDS = 2.0
KILLS = 6
SLOTS = 4


def _worker(site: Site, fcm: StandIn, account: Path, redis_url: str, log: Path) -> Program:
    variables = {
        "database_url": site.services.settings.database_url,
        "redis_url": redis_url,
        "push_service_account_file": account,
        "push_endpoint": fcm.url,
        "worker_port": 0,
        "job_slots": SLOTS,
        "job_lease_seconds": 1.0,
        "job_poll_seconds": 0.1,
    }
    env = {f"TECHDENGUE_{name.upper()}": str(value) for name, value in variables.items()}
    return Program(("-m", "tests.push.worker", str(CLAIMED_SECONDS)), env, log, script=Path(sys.executable))


async def _park(site: Site) -> set[str]:
    """Conflicts with their runs, as the intake's append leaves them; their tags."""
    tags = set()
    for _ in range(CONFLICTS):
        conflict = await site.conflict()
        async with site.services.pool.acquire() as connection, connection.transaction():
            await enqueue(
                connection,
                NOTIFY_SYNC_CONFLICT,
                ConflictParked(conflict),
                key=str(conflict),
                origin=Origin.COMMIT,
            )
        tags.add(f"conflito/{conflict}")
    return tags


async def test_workers_are_killed_redis_is_emptied_and_every_device_shows_every_conflict_once(
    site: Site, fcm: StandIn, account_file: Path, redis_url: str, tmp_path: Path
) -> None:
    for device, user, role in (
        ("d-ana", "ana", Role.CAMPO),
        ("d-gil", "gil", Role.GESTOR),
        ("d-bia", "bia", Role.GESTOR),
    ):
        await site.device(device, user, role=role)
        await site.owner.execute("UPDATE techdengue.device SET refreshed_at = now()")
    tags = await _park(site)
    chance = random.Random(7)  # noqa: S311 - the order of kills
    workers = [_worker(site, fcm, account_file, redis_url, tmp_path / f"worker-{number}.log") for number in range(2)]
    for worker in workers:
        await worker.start()
    redis = Redis.from_url(redis_url)
    try:
        for kill in range(1, KILLS + 1):
            await _sent(fcm, kill * len(tags) * 3 // (KILLS + 2))
            victim = chance.choice(workers)
            await victim.kill()
            await redis.flushall()
            await victim.start()
        await until(lambda: _all_ended(site), seconds=120)
    finally:
        await redis.aclose()
        for worker in workers:
            await worker.kill()
    for device in ("d-ana", "d-gil", "d-bia"):
        assert set(fcm.sent_to(f"to-{device}")) == tags
    assert len(fcm.taken) - 3 * len(tags) <= KILLS * SLOTS * 3, "only what was under way may be sent again"
    states = await site.owner.fetch("SELECT state, count(*) FROM jobs.push_delivery GROUP BY state")
    assert [tuple(row) for row in states] == [("sent", 3 * CONFLICTS)]
    runs = await site.owner.fetch("SELECT status, count(*) FROM jobs.run GROUP BY status")
    assert [tuple(row) for row in runs] == [("succeeded", CONFLICTS)]


async def _sent(fcm: StandIn, number: int) -> None:
    async def are() -> bool:
        await asyncio.sleep(0)
        return len(fcm.taken) >= number

    await until(are)


async def _all_ended(site: Site) -> Any:
    return await site.owner.fetchval("SELECT NOT EXISTS (SELECT FROM jobs.run WHERE status IN ('queued', 'running'))")
