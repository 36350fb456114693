"""What `/metrics` promises of a server of several processes: whichever answers, it tells of all of them."""

import asyncio
import os
import re
import signal
from pathlib import Path

import aiohttp

from techdengue.dev.database import Database
from techdengue.dev.processes import child_pids

from .asking import commits_held, operation, send, until_refused
from .running import Serving

SAMPLE = re.compile(r"^(\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)
ANSWERED = 'http_requests_total{method="POST",route="/api/sync",status_code="200"}'
APPLIED = 'sync_operations_total{entity_type="atividade",operation="create",outcome="applied"}'
SUMS = (
    "sync_batch_size_count",
    "sync_batch_size_sum",
    'sync_batch_size_bucket{le="1.0"}',
    "sync_processing_duration_seconds_count",
)


async def scrape(url: str) -> dict[str, float]:
    """Every sample that one worker tells, by its name and labels."""
    async with aiohttp.ClientSession() as fresh:
        return {name: float(value) for name, value in SAMPLE.findall(await metrics(fresh, url))}


async def metrics(http: aiohttp.ClientSession, url: str) -> str:
    """What one worker tells."""
    async with http.get(f"{url}/metrics") as answer:
        assert answer.status == 200
        return await answer.text()


async def scrape_often(url: str) -> list[dict[str, float]]:
    """Scrapes of new connections, which are dealt out to both workers."""
    return [await scrape(url) for _ in range(12)]


async def work(url: str, key: Path, first: int, last: int) -> None:
    """One operation on each of many connections, until as many as the last one's number are counted."""
    for number in range(first, last + 1):
        async with aiohttp.ClientSession() as fresh:
            status, _ = await send(fresh, url, key, operation(number))
            assert status == 200
    async with asyncio.timeout(20):
        while (await scrape(url)).get(ANSWERED) != last:  # noqa: ASYNC110 - an answer is counted when it has left
            await asyncio.sleep(0.02)


async def until_restarted(url: str, times: int) -> None:
    """Until both workers are there again and so many restarts were counted."""
    async with asyncio.timeout(30):
        while True:
            told = await scrape(url)
            restarts = sum(value for name, value in told.items() if name.startswith("techdengue_worker_restarts"))
            cpu = [name for name in told if name.startswith("process_cpu_seconds_total")]
            if restarts == times and len(cpu) == 3:
                return
            await asyncio.sleep(0.02)  # another process's start has no event


async def test_counters_and_histograms_are_the_sum_whoever_answers(several: Serving, local_key: Path) -> None:
    await work(several.url, local_key, 1, 30)
    for told in await scrape_often(several.url):
        assert (told[ANSWERED], told[APPLIED]) == (30, 30)
        assert [told[name] for name in SUMS] == [30] * len(SUMS)


async def test_each_process_is_told_apart(several: Serving) -> None:
    for told in await scrape_often(several.url):
        for figure in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"):
            found = {name: value for name, value in told.items() if name.startswith(figure)}
            assert set(found) == {f'{figure}{{worker="{name}"}}' for name in ("parent", "1", "2")}
            assert all(value > 0 for value in found.values())


async def test_what_a_killed_worker_counted_stays(several: Serving, local_key: Path) -> None:
    for killed in range(1, 5):
        await work(several.url, local_key, killed * 10 - 9, killed * 10)
        before = await scrape(several.url)
        os.kill(child_pids(several.pid)[killed % 2], signal.SIGKILL)
        await until_restarted(several.url, killed)
        for told in await scrape_often(several.url):
            assert (told[ANSWERED], told[APPLIED]) == (killed * 10, killed * 10)
            grown = [name for name in before if name.startswith(("http_requests_total", "sync_", "eventstore_"))]
            assert [name for name in grown if told[name] < before[name]] == []


async def test_what_was_in_flight_in_a_killed_worker_is_not_counted_for_ever(
    several: Serving, local_key: Path, own_database: Database
) -> None:
    async with commits_held(own_database) as owner:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
            sending = [asyncio.create_task(send(http, several.url, local_key, operation(n))) for n in range(1, 9)]
            await until_in_flight(several.url, 8)
            for worker in child_pids(several.pid):
                os.kill(worker, signal.SIGKILL)
            answers = await asyncio.gather(*sending, return_exceptions=True)
        assert all(isinstance(answer, aiohttp.ClientError) for answer in answers)
        await owner.execute("ROLLBACK")
        await until_restarted(several.url, 2)
        await until_in_flight(several.url, 0)


async def test_every_request_in_flight_of_every_worker_is_answered_before_the_end(
    several: Serving, http: aiohttp.ClientSession, local_key: Path, own_database: Database
) -> None:
    async with commits_held(own_database) as owner:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as other:
            sending = [asyncio.create_task(send(other, several.url, local_key, operation(n))) for n in range(1, 9)]
            await until_in_flight(several.url, 8)
            several.terminate()
            await until_refused(http, several.url)
            await owner.execute("ROLLBACK")
            answers = await asyncio.gather(*sending)
        assert [(status, len(answer["successes"])) for status, answer in answers] == [(200, 1)] * 8
        assert await several.ended() == 0


async def until_in_flight(url: str, requests: int) -> None:
    """Until the workers have so many requests, beside the scrape: of one connection the last one is counted off."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(30):
        while f"\nhttp_requests_in_flight {requests + 1}.0\n" not in await metrics(http, url):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)
