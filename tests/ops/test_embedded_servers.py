"""Embedded servers start, keep their data, survive kill -9 and leave no process."""

import shutil
from pathlib import Path

import aioboto3
import asyncpg
import pytest
import redis.asyncio

from techdengue.dev import unprivileged
from techdengue.dev.database import Database
from techdengue.dev.postgres import EmbeddedPostgres, find_binaries
from techdengue.dev.processes import is_running
from techdengue.dev.seaweedfs import EmbeddedSeaweed
from techdengue.dev.valkey import EmbeddedValkey


async def _count_rows(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        await connection.execute("INSERT INTO kept VALUES (1)")
        return int(await connection.fetchval("SELECT count(*) FROM kept"))
    finally:
        await connection.close()


def _sockets_of(ports: list[str]) -> list[Path]:
    """Where SeaweedFS puts sockets, whatever it is told."""
    return [file for port in ports for file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]  # noqa: S108  # see above


async def test_postgres_keeps_its_data_between_runs_and_leaves_no_process(servers_directory: Path) -> None:
    server = EmbeddedPostgres(servers_directory / "twice", durable=False)
    for expected in (1, 2):
        await server.start()
        pid = server.pid
        assert await _count_rows(server.url()) == expected
        await server.stop()
        assert not is_running(pid)
        assert not server.socket_directory.exists()


async def test_postgres_starts_again_after_kill_9_with_what_was_committed(servers_directory: Path) -> None:
    server = EmbeddedPostgres(servers_directory / "crash", durable=True)
    await server.start()
    assert await _count_rows(server.url()) == 1
    await server.kill()
    await server.start()
    assert await _count_rows(server.url()) == 2
    await server.stop()


async def test_a_pid_file_that_names_another_process_does_not_stop_postgres(servers_directory: Path) -> None:
    server = EmbeddedPostgres(servers_directory / "stale", durable=False)
    await server.start()
    await server.kill()
    pid_file = server.home / "data" / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(pid_file.read_text().split("\n", 1)[0], "1", 1))
    await server.start()
    assert await _count_rows(server.url()) == 1
    await server.stop()


async def test_postgres_runs_below_a_path_too_long_for_a_socket(servers_directory: Path) -> None:
    server = EmbeddedPostgres(servers_directory / ("long" * 30), durable=False)
    await server.start()
    assert len(str(server.socket_directory)) < 80
    assert await _count_rows(server.url()) == 1
    await server.stop()


@pytest.mark.parametrize("mode", [0o755, 0o700])
async def test_postgres_runs_where_user_namespaces_are_forbidden(
    servers_directory: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setattr(unprivileged, "_namespaces_work", lambda: False)
    parent = servers_directory / f"mode-{mode:o}"
    parent.mkdir(mode=mode)
    server = EmbeddedPostgres(parent / "postgres", durable=False)
    await server.start()
    assert await _count_rows(server.url()) == 1
    await server.stop()
    identity = unprivileged.choose_identity(find_binaries(), server.home)
    if identity.home != server.home:
        shutil.rmtree(identity.home)


async def test_postgres_lets_nobody_in_without_the_password(postgres: EmbeddedPostgres) -> None:
    try:
        await asyncpg.connect(postgres.url(password="guess"))
    except asyncpg.InvalidPasswordError:
        return
    raise AssertionError("a wrong password was accepted")


async def test_the_login_of_the_server_owns_nothing_and_inherits_nothing(database: Database) -> None:
    connection = await asyncpg.connect(database.server_url)
    try:
        flags = await connection.fetchrow(
            "SELECT rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles"
            " WHERE rolname = current_user"
        )
        assert flags is not None
        assert not any(flags.values())
        assert (
            await connection.fetchval(
                "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
            )
            == 0
        )
    finally:
        await connection.close()


async def test_valkey_keeps_its_data_between_runs_and_leaves_no_process(servers_directory: Path) -> None:
    server = EmbeddedValkey(servers_directory / "valkey-twice")
    for expected in (1, 2):
        await server.start()
        pid = server.pid
        async with redis.asyncio.Redis.from_url(server.url) as client:
            assert await client.incr("counter") == expected
        await server.stop()
        assert not is_running(pid)


async def test_seaweedfs_keeps_objects_between_runs_and_leaves_no_process(servers_directory: Path) -> None:
    server = EmbeddedSeaweed(servers_directory / "s3-twice")
    for content in (b"first", b"second"):
        await server.start()
        pid = server.pid
        address = server.address
        async with aioboto3.Session().client(
            "s3",
            endpoint_url=address.endpoint_url,
            aws_access_key_id=address.access_key,
            aws_secret_access_key=address.secret_key,
            region_name=address.region,
        ) as s3:
            if content == b"second":
                kept = await s3.get_object(Bucket=address.bucket, Key="photo")
                assert await kept["Body"].read() == b"first"
            await s3.put_object(Bucket=address.bucket, Key="photo", Body=content)
        ports = (server.home / "ports").read_text().split()
        assert _sockets_of(ports) != []
        await server.stop()
        assert not is_running(pid)
        assert _sockets_of(ports) == []
