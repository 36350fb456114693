"""Migrations: each once, in order, whoever starts them and however many at a time."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from techdengue import migrate as subject
from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.migrate import MigrationChanged, migrate, migrations, pending

NAMES = [migration.name for migration in migrations()]


async def empty_database(postgres: EmbeddedPostgres, name: str) -> str:
    connection = await asyncpg.connect(postgres.url())
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    return postgres.url(name)


def test_packages_migrate_in_the_order_of_their_layers_each_by_number() -> None:
    packages = [name.partition("/")[0] for name in NAMES]
    assert list(dict.fromkeys(packages)) == ["eventstore", "techdengue", "projections", "jobs"]
    for package in subject.PACKAGES:
        files = [name.partition("/")[2] for name in NAMES if name.startswith(f"{package}/")]
        assert [int(file[:4]) for file in files] == list(range(1, len(files) + 1))


async def test_a_database_is_migrated_once(postgres: EmbeddedPostgres) -> None:
    url = await empty_database(postgres, "migrated_once")
    told: list[str] = []
    assert await pending(url) == NAMES
    assert await migrate(url, progress=told.append) == NAMES
    assert told == NAMES
    assert await pending(url) == []
    assert await migrate(url) == []


async def test_many_may_migrate_at_once_on_several_databases_of_a_new_cluster(servers_directory: Path) -> None:
    cluster = EmbeddedPostgres(servers_directory / "migrations", durable=False)
    await cluster.start()
    urls = [await empty_database(cluster, f"concurrent_{n}") for n in range(3)]
    applied = await asyncio.gather(*(migrate(url) for url in urls * 3))
    await cluster.stop()
    assert sorted(applied) == [[]] * 6 + [NAMES] * 3


async def test_a_failed_migration_is_undone_and_the_earlier_ones_stay(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await empty_database(postgres, "failed_migration")
    first = next(migrations())
    broken = subject.Migration("eventstore/0002_broken", "CREATE TABLE public.half (n integer); SELECT 1 / 0", "x")
    monkeypatch.setattr(subject, "migrations", lambda: iter([first, broken]))
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(url)
    assert await pending(url) == [broken.name]
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT to_regclass('public.half')") is None
    await connection.close()


async def test_a_migration_that_was_edited_after_it_ran_is_refused(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await empty_database(postgres, "edited_migration")
    original = subject.Migration("eventstore/0001_log", "SELECT 1", "one")
    monkeypatch.setattr(subject, "migrations", lambda: iter([original]))
    await migrate(url)
    monkeypatch.setattr(subject, "migrations", lambda: iter([subject.Migration(original.name, "SELECT 2", "two")]))
    with pytest.raises(MigrationChanged, match="eventstore/0001_log"):
        await pending(url)
    with pytest.raises(MigrationChanged):
        await migrate(url)
