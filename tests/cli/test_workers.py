"""What `techdengue serve --workers N` promises: one port, N processes that are kept running, one end for all."""

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from techdengue.cli.listener import bind
from techdengue.dev.database import Database
from techdengue.dev.processes import child_pids, until_gone

from .asking import commits_held, operation, send, status_of, until_refused, until_somebody_waits
from .conftest import Run
from .running import Serving, serving


async def workers_of(server: Serving, other_than: int = 0) -> list[int]:
    """The processes of its two workers, once there are two without that one."""
    async with asyncio.timeout(30):
        while True:
            found = child_pids(server.pid)
            if len(found) == 2 and other_than not in found:
                return found
            await asyncio.sleep(0.02)  # no event tells of another process's children


async def every_worker_answers(http: aiohttp.ClientSession, url: str) -> bool:
    """Whether many new connections, which are dealt out by chance, are all answered."""
    for _ in range(20):
        async with aiohttp.ClientSession(timeout=http.timeout) as fresh:
            if await status_of(fresh, f"{url}/health/live") != 200:
                return False
    return True


async def test_the_workers_are_processes_below_the_one_that_was_started(
    several: Serving, http: aiohttp.ClientSession, local_key: Path
) -> None:
    assert several.pid == several.process.pid
    assert len(child_pids(several.pid)) == 2
    for number in range(1, 11):
        async with aiohttp.ClientSession() as fresh:
            status, answer = await send(fresh, several.url, local_key, operation(number))
        assert (status, answer["successes"][0]["status"]) == (200, "applied")
    _, again = await send(http, several.url, local_key, operation(1))
    assert again["successes"][0]["already_processed"]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_to_stop_ends_all_of_it_with_0(several: Serving, sent: signal.Signals) -> None:
    workers = await workers_of(several)
    os.kill(several.pid, sent)
    assert await several.ended() == 0
    await asyncio.to_thread(until_gone, workers)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
async def test_a_worker_that_ends_is_started_again(
    several: Serving, http: aiohttp.ClientSession, sent: signal.Signals
) -> None:
    for _ in range(2):
        lost, kept = await workers_of(several)
        os.kill(lost, sent)
        assert kept in await workers_of(several, other_than=lost)
        assert await every_worker_answers(http, several.url)
    several.terminate()
    assert await several.ended() == 0


async def test_when_the_parent_is_killed_its_workers_end_and_the_port_is_free(several: Serving) -> None:
    workers = await workers_of(several)
    os.kill(several.pid, signal.SIGKILL)
    await several.ended()
    await asyncio.to_thread(until_gone, workers)
    host, _, port = several.url.removeprefix("http://").partition(":")
    bind(host, int(port)).close()


async def test_a_request_in_flight_is_answered_before_the_end(
    several: Serving, http: aiohttp.ClientSession, local_key: Path, own_database: Database
) -> None:
    async with commits_held(own_database) as owner:
        sending = asyncio.create_task(send(http, several.url, local_key, operation(1)))
        await until_somebody_waits(own_database)
        several.terminate()
        await until_refused(http, several.url)
        await owner.execute("ROLLBACK")
        status, answer = await sending
        assert (status, len(answer["successes"])) == (200, 1)
        assert await several.ended() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_taken_port_is_named_and_not_shared(
    several: Serving, techdengue: Run, variables: dict[str, str], workers: str
) -> None:
    port = several.url.rpartition(":")[2]
    second = await techdengue("serve", "--port", port, "--workers", workers, env=variables)
    assert second.code == 1
    assert f"port {port} of 127.0.0.1 is taken" in second.err


async def test_the_number_may_be_a_setting(variables: dict[str, str]) -> None:
    async with serving(variables | {"TECHDENGUE_WORKERS": "3"}) as server:
        assert len(child_pids(server.pid)) == 3


async def test_what_keeps_every_worker_from_starting_ends_all_and_is_said_once(
    techdengue: Run, variables: dict[str, str]
) -> None:
    env = variables | {"TECHDENGUE_JWT_LOCAL_KEY_FILE": "missing.pem"}
    answer = await techdengue("serve", "--port", "0", "--workers", "2", env=env)
    assert answer.code == 2
    assert answer.err.count("missing.pem cannot be read") == 1
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("number", ["0", "many"])
async def test_a_number_that_cannot_be_used_is_named(techdengue: Run, variables: dict[str, str], number: str) -> None:
    answer = await techdengue("serve", "--port", "0", "--workers", number, env=variables)
    assert answer.code == 2
    assert "TECHDENGUE_WORKERS cannot be used" in answer.err
    assert "Correct the variable, or the option of that name." in answer.err
