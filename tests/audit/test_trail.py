"""The trail: on disk before the answer, without gaps, and nobody takes anything out of it again."""

import asyncio
from typing import Any

import asyncpg
import pytest

from techdengue.audit import AUDITOR, Action, AuditTrail, AuditUnavailable
from techdengue.dev.database import SERVER_ROLES, Database

from .conftest import CUIABA, SINOP, Read, entry

OWNER = "the owner"


async def test_an_entry_says_who_did_what_to_what_when_from_where_and_how_it_ended(
    trail: AuditTrail, read: Read
) -> None:
    await trail.record(entry(7, device_id="tablet-1", status=404, code="entity_not_found"))
    (row,) = await read()
    assert row["audit_id"] == 1
    assert (row["user_id"], row["role"], row["device_id"]) == ("ana", "VIGILANCIA", "tablet-1")
    assert (row["action"], row["target_type"], row["target_id"]) == ("read_entity", "atividade", "7")
    assert (row["municipios"], str(row["address"]), row["request_id"]) == ([CUIABA], "203.0.113.7", "r-7")
    assert (row["outcome"], row["status"], row["code"]) == ("absent", 404, "entity_not_found")
    assert row["at"] is not None


async def test_entries_of_many_writers_are_numbered_without_gaps_in_the_order_of_their_commits(
    empty: Database, read: Read
) -> None:
    async def write(number: int) -> None:
        async with (
            asyncpg.create_pool(empty.server_url, min_size=0, max_size=2, server_settings={"role": AUDITOR}) as pool,
            (trail := AuditTrail(pool, timeout=30)).running(),
        ):
            await asyncio.gather(*(trail.record(entry(number * 1000 + n)) for n in range(200)))

    await asyncio.gather(*(write(number) for number in range(4)))
    rows = await read()
    assert [row["audit_id"] for row in rows] == list(range(1, 801))
    assert len({row["target_id"] for row in rows}) == 800


async def test_what_arrives_during_a_write_is_written_together(trail: AuditTrail, read: Read) -> None:
    await asyncio.gather(*(trail.record(entry(number)) for number in range(300)))
    written = {row["at"] for row in await read()}
    assert len(written) <= 3


async def test_what_is_noted_is_on_disk_when_the_trail_has_stopped(pool: "asyncpg.Pool[Any]", read: Read) -> None:
    trail = AuditTrail(pool, timeout=10)
    async with trail.running():
        for number in range(1200):
            trail.note(entry(number, status=403))
    assert len(await read()) == 1200


async def test_hostile_text_is_kept_printable_and_short(trail: AuditTrail, read: Read) -> None:
    await trail.record(entry(target_id="a\nb\x1b[31m\x00\ud800" + "x" * 1000, device_id="\u202e", request_id=""))
    (row,) = await read()
    assert row["target_id"] == "a\ufffdb\ufffd[31m\ufffd\ufffd" + "x" * 245
    assert (row["device_id"], row["request_id"]) == ("\ufffd", None)


async def test_without_its_database_nothing_is_recorded_and_what_was_noted_comes_later(
    empty: Database, read: Read
) -> None:
    pool = asyncpg.create_pool(empty.server_url, min_size=0, max_size=1, server_settings={"role": AUDITOR})
    async with pool, (trail := AuditTrail(pool, timeout=0.2)).running():
        async with pool.acquire():  # nobody else gets a connection
            trail.note(entry(1, status=401))
            with pytest.raises(AuditUnavailable):
                await trail.record(entry(2))
        async with asyncio.timeout(20):
            while not await read():  # noqa: ASYNC110 - another task writes it
                await asyncio.sleep(0.05)
        await trail.record(entry(3))
    assert [row["target_id"] for row in await read()] == ["1", "3"]


async def test_more_than_may_wait_is_refused_at_once_and_never_kept(pool: "asyncpg.Pool[Any]", read: Read) -> None:
    trail = AuditTrail(pool, timeout=10, most_waiting=2)
    first, second = (asyncio.create_task(trail.record(entry(number))) for number in (1, 2))
    await asyncio.sleep(0)
    with pytest.raises(AuditUnavailable):
        await trail.record(entry(3))
    trail.note(entry(4))
    async with trail.running():
        await asyncio.gather(first, second)
    assert [row["target_id"] for row in await read()] == ["1", "2"]


async def test_the_trail_stops_in_time_though_its_database_is_away(empty: Database) -> None:
    pool = asyncpg.create_pool(empty.server_url, min_size=0, max_size=1, server_settings={"role": AUDITOR})
    async with pool, pool.acquire(), asyncio.timeout(20):
        trail = AuditTrail(pool, timeout=0.1)
        async with trail.running():
            for number in range(1200):
                trail.note(entry(number, status=401))


@pytest.mark.parametrize("role", [*SERVER_ROLES, OWNER])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE techdengue.audit SET user_id = 'nobody'",
        "UPDATE techdengue.audit SET user_id = 'nobody' WHERE false",
        "DELETE FROM techdengue.audit",
        "TRUNCATE techdengue.audit",
        "MERGE INTO techdengue.audit AS a USING (VALUES (1)) AS v (n) ON a.audit_id = v.n WHEN MATCHED THEN DELETE",
    ],
)
async def test_nobody_changes_the_trail(database: Database, role: str, statement: str) -> None:
    settings = {} if role == OWNER else {"role": role}
    connection = await asyncpg.connect(
        database.owner_url if role == OWNER else database.server_url, server_settings=settings
    )
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_the_trail_cannot_be_changed_by_a_session_that_turns_triggers_off(database: Database) -> None:
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute("SET session_replication_role = replica")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only: DELETE refused"):
            await connection.execute("DELETE FROM techdengue.audit")
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ["techdengue_intake", "techdengue_reader", "techdengue_projector"])
async def test_only_the_auditor_writes(database: Database, role: str) -> None:
    connection = await asyncpg.connect(database.server_url, server_settings={"role": role})
    try:
        for statement in (
            "INSERT INTO techdengue.audit (audit_id, at, action, outcome, status) VALUES (1, now(), 'x', 'x', 1)",
            "UPDATE techdengue.audit_head SET position = 0",
            "UPDATE techdengue.audit_cursor SET position = 0",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("territory", "seen"),
    [
        (None, []),
        ("", []),
        (CUIABA, ["cuiaba", "both", "all"]),
        (SINOP, ["both", "all"]),
        ("*", ["cuiaba", "both", "all", "nobody"]),
    ],
)
async def test_a_reader_sees_what_touches_its_territory(
    empty: Database, trail: AuditTrail, territory: str | None, seen: list[str]
) -> None:
    for target, municipios in (
        ("cuiaba", (CUIABA,)),
        ("both", (CUIABA, SINOP)),
        ("all", ("*",)),
        ("nobody", ()),
    ):
        await trail.record(entry(target_id=target, municipios=municipios, action=Action.READ_EVENTS))
    connection = await asyncpg.connect(empty.server_url, server_settings={"role": "techdengue_reader"})
    try:
        async with connection.transaction():
            if territory is not None:
                await connection.execute("SELECT set_config('eventstore.tenants', $1, true)", territory)
            rows = await connection.fetch("SELECT target_id FROM techdengue.audit ORDER BY audit_id")
    finally:
        await connection.close()
    assert [row["target_id"] for row in rows] == seen
