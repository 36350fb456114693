"""Tables are vacuumed by a role that owns none of them, and what that gave back is said."""

import asyncpg
import msgspec

from jobs import NoArguments
from jobs.upkeep.vacuum_database import VACUUM_DATABASE
from projections.rebuild import rebuild
from techdengue.dev.database import Database
from techdengue.settings import Settings
from tests.jobs.conftest import RunJob
from tests.jobs.working import Table

_FILL = """
INSERT INTO techdengue.device (device_id, owner) SELECT 'device-' || n, 'ana' FROM generate_series(1, 5000) AS n
"""


async def test_dead_rows_are_removed_and_counted(run_job: RunJob, table: Table) -> None:
    await table.connection.execute("ALTER TABLE techdengue.device SET (autovacuum_enabled = false)")
    await table.connection.execute(_FILL)
    await table.connection.execute("DELETE FROM techdengue.device")
    await table.connection.execute("SELECT pg_stat_force_next_flush()")
    ending = await run_job(VACUUM_DATABASE, NoArguments())
    assert ending.outcome == "succeeded"
    assert ending.counts is not None
    assert ending.counts["dead_rows_removed"] > 4900  # as the statistics have it
    assert ending.counts["bytes_returned"] > 0
    assert ending.counts["locked"] == 0
    vacuumed = "SELECT count(*) FROM pg_stat_user_tables WHERE last_vacuum IS NOT NULL AND last_analyze IS NOT NULL"
    assert await table.connection.fetchval(vacuumed) == ending.counts["tables"] > 20


async def test_a_table_that_grew_by_its_maps_gives_nothing_back(run_job: RunJob, table: Table) -> None:
    await table.connection.execute("ALTER TABLE techdengue.device SET (autovacuum_enabled = false)")
    await table.connection.execute(_FILL)
    ending = await run_job(VACUUM_DATABASE, NoArguments())
    assert ending.counts is not None
    assert ending.counts["bytes_returned"] >= 0


async def test_a_table_that_somebody_has_locked_is_left_and_said(
    run_job: RunJob, table: Table, jobs_database: Database
) -> None:
    holder = await asyncpg.connect(jobs_database.owner_url)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("LOCK TABLE projections.entity IN ACCESS EXCLUSIVE MODE")
    ending = await run_job(VACUUM_DATABASE, NoArguments())
    await transaction.rollback()
    await holder.close()
    assert ending.outcome == "succeeded"
    assert ending.counts is not None
    assert ending.counts["locked"] == 1
    last = "SELECT last_vacuum FROM pg_stat_user_tables WHERE schemaname = 'projections' AND relname = $1"
    assert await table.connection.fetchval(last, "entity") is None
    assert await table.connection.fetchval(last, "atividade") is not None


async def test_tables_that_are_made_later_are_vacuumed_too(
    run_job: RunJob, table: Table, jobs_database: Database
) -> None:
    projector = await asyncpg.connect(jobs_database.server_url, server_settings={"role": "techdengue_projector"})
    await rebuild(projector, "entity")
    await projector.close()
    await table.connection.execute(
        "INSERT INTO techdengue.sync_request (device_id, user_id, received_at) VALUES ('d', 'u', '2031-05-05')"
    )
    await table.connection.execute("SELECT techdengue.add_request_partitions(0)")
    await run_job(VACUUM_DATABASE, NoArguments())
    last = "SELECT last_vacuum FROM pg_stat_user_tables WHERE relname = $1"
    for name in ("entity", "sync_request_2031_05"):
        assert await table.connection.fetchval(last, name) is not None, name


async def test_a_role_that_may_vacuum_nothing_says_what_is_missing(run_job: RunJob, table: Table) -> None:
    await table.connection.execute(
        "REVOKE MAINTAIN ON ALL TABLES IN SCHEMA eventstore, techdengue, projections, jobs FROM techdengue_jobs"
    )
    ending = await run_job(VACUUM_DATABASE, NoArguments())
    assert ending.outcome == "failed"
    assert ending.error is not None
    assert "TECHDENGUE_MAINTENANCE_DATABASE_URL" in ending.error


async def test_another_login_may_vacuum_where_the_jobs_role_may_not(
    run_job: RunJob, table: Table, jobs_database: Database, job_settings: Settings
) -> None:
    await table.connection.execute(
        "REVOKE MAINTAIN ON ALL TABLES IN SCHEMA eventstore, techdengue, projections, jobs FROM techdengue_jobs"
    )
    settings = msgspec.structs.replace(job_settings, maintenance_database_url=jobs_database.owner_url)
    ending = await run_job(VACUUM_DATABASE, NoArguments(), settings=settings)
    assert ending.outcome == "succeeded"
    assert ending.counts is not None
    assert ending.counts["tables"] > 20
