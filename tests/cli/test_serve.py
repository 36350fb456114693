"""What `techdengue serve` promises: one process, a known port, a clean end, and life without its database."""

import asyncio
import os
import signal
from pathlib import Path

import aiohttp

from techdengue.dev.database import Database, create_migrated
from techdengue.dev.ports import free_ports
from techdengue.dev.postgres import EmbeddedPostgres
from techdengue.dev.processes import child_pids

from .asking import commits_held, operation, send, status_of, until_refused, until_somebody_waits
from .conftest import Run
from .running import Serving, serving


async def test_a_server_takes_operations_and_ends_with_0_when_asked(
    server: Serving, http: aiohttp.ClientSession, local_key: Path
) -> None:
    assert await status_of(http, f"{server.url}/health/ready") == 200
    status, answer = await send(http, server.url, local_key, operation(1))
    assert (status, answer["successes"][0]["status"]) == (200, "applied")
    server.terminate()
    assert await server.ended() == 0


async def test_it_is_one_process(server: Serving) -> None:
    assert server.pid == server.process.pid
    assert child_pids(server.pid) == []


async def test_ctrl_c_ends_it_as_cleanly(server: Serving) -> None:
    os.kill(server.pid, signal.SIGINT)
    assert await server.ended() == 0


async def test_the_port_file_names_the_port_while_it_serves(
    variables: dict[str, str], tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    port_file = tmp_path / "port"
    async with serving(variables, "--port-file", str(port_file)) as server:
        port = int(port_file.read_text())
        assert server.url == f"http://127.0.0.1:{port}"
        assert await status_of(http, f"http://127.0.0.1:{port}/health/live") == 200
        server.terminate()
        assert await server.ended() == 0
    assert not port_file.exists()


async def test_a_taken_port_is_named_and_not_shared(
    server: Serving, techdengue: Run, variables: dict[str, str]
) -> None:
    port = server.url.rpartition(":")[2]
    second = await techdengue("serve", "--port", port, env=variables)
    assert second.code == 1
    assert f"port {port} of 127.0.0.1 is taken" in second.err


async def test_a_request_in_flight_is_answered_before_the_end(
    server: Serving, http: aiohttp.ClientSession, local_key: Path, own_database: Database
) -> None:
    async with commits_held(own_database) as owner:
        sending = asyncio.create_task(send(http, server.url, local_key, operation(1)))
        await until_somebody_waits(own_database)
        server.terminate()
        await until_refused(http, server.url)
        await owner.execute("ROLLBACK")
        status, answer = await sending
        assert (status, answer["processed"], len(answer["successes"])) == (200, 1, 1)
        assert await server.ended() == 0
        assert await owner.fetchval("SELECT count(*) FROM eventstore.event") == 1


async def test_it_starts_without_its_database_and_recovers_by_itself(
    servers_directory: Path, http: aiohttp.ClientSession, local_key: Path
) -> None:
    postgres = EmbeddedPostgres(
        servers_directory / f"comes-and-goes-{os.getpid()}", port=free_ports(1)[0], durable=False
    )
    await postgres.start()
    try:
        database = await create_migrated(postgres, "coming", "secret-of-the-server")
        await postgres.stop()
        variables = {
            "TECHDENGUE_DATABASE_URL": database.server_url,
            "TECHDENGUE_JWT_LOCAL_KEY_FILE": str(local_key),
        }
        async with serving(variables) as server:
            assert await status_of(http, f"{server.url}/health/live") == 200
            for _ in range(2):
                assert await status_of(http, f"{server.url}/health/ready") == 503
                assert (await send(http, server.url, local_key, operation(1)))[0] == 503
                await postgres.start()
                assert await status_of(http, f"{server.url}/health/ready") == 200
                assert (await send(http, server.url, local_key, operation(1)))[0] == 200
                await postgres.stop()
            server.terminate()
            assert await server.ended() == 0
    finally:
        await postgres.stop()


async def test_two_servers_on_one_database_know_each_others_work(
    variables: dict[str, str], http: aiohttp.ClientSession, local_key: Path
) -> None:
    async with serving(variables) as one, serving(variables) as other:
        _, first = await send(http, one.url, local_key, operation(1))
        _, again = await send(http, other.url, local_key, operation(1))
    assert [answer["successes"][0]["already_processed"] for answer in (first, again)] == [False, True]


async def test_a_setting_that_cannot_be_used_is_named(techdengue: Run, variables: dict[str, str]) -> None:
    answer = await techdengue("serve", env=variables | {"TECHDENGUE_GROUP_SIZE": "many"})
    assert answer.code == 2
    assert "TECHDENGUE_" in answer.err
    assert "Traceback" not in answer.err


async def test_a_key_that_cannot_be_read_is_named(techdengue: Run, variables: dict[str, str]) -> None:
    answer = await techdengue("serve", "--port", "0", env=variables | {"TECHDENGUE_JWT_LOCAL_KEY_FILE": "missing.pem"})
    assert answer.code == 2
    assert "missing.pem cannot be read" in answer.err
    assert "Traceback" not in answer.err
