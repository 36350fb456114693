"""Looking at the log's tail finds every commit that nobody told of, and costs a sleeping database nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from techdengue.feed import Feed

from .fakes import CUIABA, VARZEA_GRANDE, FakeLog, caller


@pytest.fixture
async def feed(log: FakeLog) -> AsyncIterator[Feed]:
    feed = Feed(log, poll_seconds=0.01)
    async with feed.running():
        yield feed


async def _wait(feed: Feed, municipio: str = CUIABA) -> asyncio.Task[bool]:
    who = caller(municipio)
    waiting = asyncio.create_task(feed.wait(who, feed.ticket(who), 60))
    await asyncio.sleep(0)
    return waiting


async def _looked(log: FakeLog, times: int) -> None:
    """Until the tail was looked at so many times more."""
    while not log.looked.locked():
        await log.looked.acquire()
    for _ in range(times):
        await log.looked.acquire()


async def test_a_commit_that_nobody_told_of_wakes_everybody(feed: Feed, log: FakeLog) -> None:
    for position in (3, 4):
        waiting = [await _wait(feed), await _wait(feed, VARZEA_GRANDE)]
        log.position = position
        assert await asyncio.gather(*waiting) == [True, True]


async def test_commits_that_were_told_of_wake_nobody_else(feed: Feed, log: FakeLog) -> None:
    waiting, other = await _wait(feed), await _wait(feed, VARZEA_GRANDE)
    feed.committed(1, 3, {CUIABA})
    log.position = 3
    assert await waiting
    await _looked(log, 3)
    assert not other.done()
    feed.committed(5, 5, {CUIABA})
    log.position = 5  # and of 4 nobody told
    assert await other


async def test_an_older_backup_under_the_running_server_wakes_everybody(feed: Feed, log: FakeLog) -> None:
    log.position = 9
    feed.committed(1, 9, {CUIABA})
    waiting = await _wait(feed, VARZEA_GRANDE)
    await _looked(log, 2)
    assert not waiting.done()
    log.position = 5
    assert await waiting


async def test_nobody_looks_while_nobody_waits(feed: Feed, log: FakeLog) -> None:
    waiting = await _wait(feed)
    await _looked(log, 1)
    waiting.cancel()
    await asyncio.wait({waiting})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_looked(log, 2), 0.2)


async def test_an_absent_database_is_asked_again(feed: Feed, log: FakeLog) -> None:
    for error in (ConnectionRefusedError(), ValueError()):
        log.error = error
        waiting = await _wait(feed)
        await _looked(log, 3)
        assert not waiting.done()
        log.error = None
        log.position += 1
        assert await waiting
