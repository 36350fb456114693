"""A worker tells of the audit trail: batches of devices come into it, and all of it to the collector."""

from pathlib import Path
from typing import Any

import asyncpg

from techdengue.audit import AUDITOR, AuditTrail
from tests.audit.collecting import collecting
from tests.audit.conftest import entry
from tests.conftest import MakeDatabase
from tests.e2e.processes import Program

_REQUEST = """
INSERT INTO techdengue.sync_request (device_id, user_id, received_at, address)
VALUES ('tablet-1', 'ana', now(), '198.51.100.4')
"""


async def test_a_worker_copies_batches_and_tells_the_collector_of_every_entry(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    database = await make_database()
    pool: asyncpg.Pool[Any]
    async with (
        collecting() as collector,
        asyncpg.create_pool(database.server_url, min_size=0, server_settings={"role": AUDITOR}) as pool,
        (trail := AuditTrail(pool, timeout=10)).running(),
    ):
        variables = {
            "TECHDENGUE_DATABASE_URL": database.server_url,
            "TECHDENGUE_WORKER_PORT": "0",
            "TECHDENGUE_SYSLOG_URL": f"tcp://127.0.0.1:{collector.port}",
        }
        worker = Program(("worker", "cleanup"), variables, tmp_path / "worker.log")
        await worker.start()
        try:
            await trail.record(entry(1))
            intake = await asyncpg.connect(database.server_url, server_settings={"role": "techdengue_intake"})
            await intake.execute(_REQUEST)
            await intake.close()
            await collector.has(lambda c: len(set(c.ids)) == 2)
        finally:
            await worker.kill()
    assert sorted(message.split()[5] for message in set(collector.messages)) == ["read_entity", "sync"]
