"""A report that is ready says for ever what it said; its leaves cannot go; and readers keep to their municípios."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from techdengue.dev.database import Database

CUIABA, SINOP = "5103403", "5107909"
REFUSED = asyncpg.InsufficientPrivilegeError
Connect = Callable[[str | None], Awaitable["asyncpg.Connection[Any]"]]

_READY = """
INSERT INTO jobs.report (
    report_id, code, status, municipio_cod_ibge, atividade_id, page_size, orientation, requested_at, run_id,
    generated_at, content, root, leaves, bucket, object_key, size_bytes, sha256
) VALUES (
    $1, 'EVD01', 'ready', $2, 'a-1', 'A4', 'portrait', now(), gen_random_uuid(), now(), '\\x00',
    sha256('root'), 1, 'b', 'k', 10, sha256('file')
)
"""
_LEAF = """
INSERT INTO jobs.report_leaf (report_id, ordinal, municipio_cod_ibge, evidencia_id, object_key, record, leaf_hash)
VALUES ($1, 0, $2, 'e-1', 'files/e-1', '{}', sha256('leaf'))
"""


@pytest.fixture
async def connect(jobs_database: Database) -> AsyncIterator[Connect]:
    """Opens a connection in a role; None is the owner's."""
    opened: list[asyncpg.Connection[Any]] = []

    async def connect(role: str | None) -> "asyncpg.Connection[Any]":
        url = jobs_database.owner_url if role is None else jobs_database.server_url
        connection = await asyncpg.connect(url, server_settings={} if role is None else {"role": role})
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        await connection.close()


@pytest.fixture
async def jobs(connect: Connect) -> "asyncpg.Connection[Any]":
    """The role of the jobs, with a ready report of Cuiabá and one of Sinop."""
    connection = await connect("techdengue_jobs")
    for municipio in (CUIABA, SINOP):
        report_id = uuid.uuid4()
        await connection.execute(_READY, report_id, municipio)
        await connection.execute(_LEAF, report_id, municipio)
    return connection


@pytest.mark.parametrize(
    "change",
    [
        "root = sha256('another')",
        "sha256 = sha256('another')",
        "status = 'failed', failure = 'x'",
        "leaves = 2",
        "generated_at = now() + interval '1 day'",
        "municipio_cod_ibge = '5107909'",
        "requested_by = 'somebody'",
        "content = '\\x01'",
    ],
)
async def test_what_a_ready_report_says_cannot_be_changed(
    jobs: "asyncpg.Connection[Any]", connect: Connect, change: str
) -> None:
    for connection in (jobs, await connect(None)):
        with pytest.raises(REFUSED, match="only the place of its files may change"):
            await connection.execute(f"UPDATE jobs.report SET {change}")  # noqa: S608 - from the list above


async def test_its_files_may_move_to_the_archive(jobs: "asyncpg.Connection[Any]") -> None:
    moved = await jobs.execute("UPDATE jobs.report SET bucket = 'archive', object_key = 'k2', archived_at = now()")
    assert moved == "UPDATE 2"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM jobs.report",
        "DELETE FROM jobs.report_leaf",
        "UPDATE jobs.report_leaf SET object_key = 'k'",
        "TRUNCATE jobs.report_leaf",
        "TRUNCATE jobs.report CASCADE",
    ],
)
async def test_no_job_removes_a_report_or_what_it_covers(jobs: "asyncpg.Connection[Any]", statement: str) -> None:
    with pytest.raises(REFUSED):
        await jobs.execute(statement)


@pytest.mark.parametrize(("territory", "seen"), [("", 0), (CUIABA, 1), (f"{CUIABA},{SINOP}", 2), ("*", 2)])
async def test_readers_see_the_reports_of_their_municipios(
    jobs: "asyncpg.Connection[Any]", connect: Connect, territory: str, seen: int
) -> None:
    reader = await connect("techdengue_reader")
    async with reader.transaction():
        await reader.execute("SELECT set_config('eventstore.tenants', $1, true)", territory)
        assert await reader.fetchval("SELECT count(*) FROM jobs.report") == seen
        assert await reader.fetchval("SELECT count(*) FROM jobs.report_leaf") == seen
    with pytest.raises(REFUSED):
        await reader.execute("UPDATE jobs.report SET archived_at = now()")


@pytest.mark.parametrize("missing", ["root", "sha256", "object_key", "bucket", "generated_at", "content"])
async def test_a_report_is_not_ready_without_its_root_and_its_file(connect: Connect, missing: str) -> None:
    connection = await connect("techdengue_jobs")
    await connection.execute(_READY.replace("'ready'", "'queued'"), uuid.uuid4(), CUIABA)
    emptied = f"UPDATE jobs.report SET {missing} = NULL, status = 'ready'"  # noqa: S608 - from the list above
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(emptied)
