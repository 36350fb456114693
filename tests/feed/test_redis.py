"""Processes tell each other through Redis what they have committed; whatever becomes of Redis, nothing else suffers."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import redis.asyncio

from techdengue.dev.valkey import EmbeddedValkey
from techdengue.feed import Feed
from techdengue.feed.redis_wake_ups import CHANNEL
from techdengue.telemetry import FEED_REDIS_CONNECTED, FEED_REDIS_FAILURES, FEED_WAKE_UPS

from .fakes import CUIABA, VARZEA_GRANDE, FakeLog, caller

NEVER = 3600.0


@contextlib.asynccontextmanager
async def _pair(url: str, *, poll_seconds: float = NEVER) -> AsyncIterator[tuple[Feed, Feed]]:
    """Two processes' feeds of one log, connected."""
    feeds = [Feed(FakeLog(), poll_seconds=poll_seconds, redis_url=url) for _ in range(2)]
    async with feeds[0].running(), feeds[1].running():
        await _connected(feeds)
        yield feeds[0], feeds[1]


async def _connected(feeds: "list[Feed] | tuple[Feed, Feed]") -> None:
    async with asyncio.timeout(60):
        while not all(feed._redis and feed._redis._connected for feed in feeds):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)


async def _lost(feeds: "list[Feed] | tuple[Feed, Feed]") -> None:
    async with asyncio.timeout(60):
        while any(feed._redis and feed._redis._connected for feed in feeds):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)


async def _waiting(feed: Feed, municipio: str = CUIABA) -> asyncio.Task[bool]:
    who = caller(municipio)
    waiting = asyncio.create_task(feed.wait(who, feed.ticket(who), 120))
    await asyncio.sleep(0)
    return waiting


async def test_one_process_hears_what_another_has_committed_and_where(redis_url: str) -> None:
    async with _pair(redis_url) as (one, other):
        waiting, elsewhere = await _waiting(other), await _waiting(other, VARZEA_GRANDE)
        heard = FEED_WAKE_UPS.labels("redis")._value.get()
        one.committed(1, 3, {CUIABA})
        assert await waiting
        assert not elsewhere.done()
        assert other._heard.through == 3
        assert FEED_WAKE_UPS.labels("redis")._value.get() == heard + 1  # and not what it said itself


async def test_logs_do_not_hear_of_each_other(redis_url: str) -> None:
    class AnotherLog(FakeLog):
        async def identity(self) -> str:
            return "log-2"

    stranger = Feed(AnotherLog(), redis_url=redis_url)
    async with _pair(redis_url) as (one, other), stranger.running():
        await _connected([stranger])
        waiting = await _waiting(other)
        stranger.committed(1, 1, {CUIABA})
        one.committed(7, 7, {CUIABA})
        assert await waiting
        assert other._heard._ahead == {7: 7}


async def test_what_is_no_message_is_counted_and_passed_over(redis_url: str) -> None:
    async with _pair(redis_url) as (one, other), redis.asyncio.Redis.from_url(redis_url) as client:
        waiting = await _waiting(other)
        failures = FEED_REDIS_FAILURES._value.get()
        encode = msgspec.msgpack.encode
        deep = encode(["x", 0, [], []]).replace(b"\x94", b"\x95", 1) + b"\x91" * 100_000 + b"\x01"
        not_utf_8 = b"\x94\xa2\xff\xfe\x00\x90\x90"
        for wrong in (b"", b"\xff", encode({"a": 1}), encode(["x", 0, [[1]], []]), not_utf_8, deep):
            await client.publish(CHANNEL.format(log="log-1"), wrong)
        one.committed(1, 1, {CUIABA})
        assert await waiting
        assert FEED_REDIS_FAILURES._value.get() == failures + 12


async def test_a_killed_redis_costs_delay_and_is_found_again(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey")
    await server.start()
    again = EmbeddedValkey(tmp_path / "valkey", port=server.port)
    try:
        async with _pair(server.url) as (one, other):
            assert FEED_REDIS_CONNECTED._value.get() == 1
            await server.kill()
            await _lost((one, other))
            assert FEED_REDIS_CONNECTED._value.get() == 0
            waiting = await _waiting(one)
            one.committed(1, 1, {CUIABA})
            assert await waiting  # its own commits need no Redis
            await again.start()
            await _connected((one, other))
            waiting = await _waiting(other)
            one.committed(2, 2, {CUIABA})
            assert await waiting
    finally:
        await server.stop()
        await again.stop()


async def test_a_redis_that_answers_no_more_holds_up_nothing(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey")
    await server.start()
    try:
        async with _pair(server.url) as (one, other):
            os.kill(server.pid, signal.SIGSTOP)
            for position in range(1, 1001):
                one.committed(position, position, {CUIABA})
            assert one._redis is not None
            assert len(one._redis._ranges) <= 256
            await _lost([one])
            os.kill(server.pid, signal.SIGCONT)
            await _connected((one, other))
    finally:
        os.kill(server.pid, signal.SIGCONT)
        await server.stop()


async def test_without_redis_from_the_start_it_is_sought_and_all_else_goes_on() -> None:
    feed = Feed(FakeLog(), redis_url="redis://127.0.0.1:1/0")
    failures = FEED_REDIS_FAILURES._value.get()
    async with feed.running():
        async with asyncio.timeout(60):
            while FEED_REDIS_FAILURES._value.get() < failures + 2:  # noqa: ASYNC110 - a counter tells nobody
                await asyncio.sleep(0.02)
        waiting = await _waiting(feed)
        feed.committed(1, 1, {CUIABA})
        assert await waiting


def test_what_is_no_address_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="Redis URL"):
        Feed(FakeLog(), redis_url="localhost")
