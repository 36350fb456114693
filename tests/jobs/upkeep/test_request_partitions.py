"""The request log keeps its rows when it is parted by months, and takes new ones as before."""

import datetime as dt
from collections.abc import Iterator

import asyncpg
import pytest

from techdengue import migrate as subject
from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.migrate import Migration, migrate, migrations

_INSERT = """
INSERT INTO techdengue.sync_request (device_id, user_id, received_at) VALUES ($1, 'ana', $2)
"""


@pytest.mark.parametrize("zone", ["UTC", "America/Cuiaba", "Pacific/Kiritimati"])
async def test_rows_stay_ids_go_on_and_the_same_insert_works(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    name = f"parted_{zone.replace('/', '_').lower()}"
    admin = await asyncpg.connect(postgres.url())
    await admin.execute(f'CREATE DATABASE "{name}"')
    await admin.execute(f"ALTER DATABASE \"{name}\" SET timezone TO '{zone}'")
    await admin.close()
    url = postgres.url(name)
    every = list(migrations())
    place = next(n for n, each in enumerate(every) if each.name == "techdengue/0009_request_partitions")

    def before() -> Iterator[Migration]:
        return iter(every[:place])

    monkeypatch.setattr(subject, "migrations", before)
    await migrate(url)
    monkeypatch.undo()
    old = dt.datetime(2025, 3, 31, 23, 30, tzinfo=dt.UTC)
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(days=400)
    await _send(url, "first", old)
    await _send(url, "second", dt.datetime.now(dt.UTC))
    await migrate(url)
    await _send(url, "third", dt.datetime.now(dt.UTC))
    await _send(url, "of-no-partition", ahead)
    owner = await asyncpg.connect(url)
    rows = await owner.fetch("SELECT id, device_id, operations, error_codes FROM techdengue.sync_request ORDER BY id")
    assert [(row["id"], row["device_id"]) for row in rows] == [
        (1, "first"),
        (2, "second"),
        (3, "third"),
        (4, "of-no-partition"),
    ]
    assert {(row["operations"], tuple(row["error_codes"])) for row in rows} == {(0, ())}
    bounds = await owner.fetch("SELECT from_at, to_at FROM techdengue.sync_request_partition ORDER BY to_at")
    assert len(bounds) == 4  # of before, to the end of this month, and three more
    for row in bounds:
        end = row["to_at"].astimezone(dt.UTC)
        assert (end.day, end.hour, end.minute) == (1, 0, 0)
    assert await owner.fetchval("SELECT count(*) FROM techdengue.sync_request_rest") == 1
    await owner.close()


async def _send(url: str, device: str, at: dt.datetime) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("SET ROLE techdengue_intake")
    await connection.execute(_INSERT, device, at)
    await connection.close()
