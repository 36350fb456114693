"""Identical reads cost one query, never across territories, and never a page older than its reader may have."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from projections.model import Document, Page
from techdengue.domain.access import Caller
from techdengue.feed import Feed, Stopping
from techdengue.http.openapi import examples

from .fakes import CUIABA, EMPTY, VARZEA_GRANDE, FakeLog, caller


@pytest.fixture
async def feed(log: FakeLog) -> AsyncIterator[Feed]:
    feed = Feed(log, reads_at_once=2)
    async with feed.running():
        yield feed
        log.going.set()


async def _read(feed: Feed, by: Caller, ticket: int | None = None, **wanted: Any) -> Page[Document]:
    asked = {"cursor": "c", "limit": 500, "entity_type": None, **wanted}
    return await feed.changes(by, ticket=ticket, **asked)


async def test_those_who_ask_the_same_together_are_answered_by_one_query(feed: Feed, log: FakeLog) -> None:
    asking = [_read(feed, caller(CUIABA, user=f"u{number}"), ticket=0) for number in range(5000)]
    assert await asyncio.gather(*asking) == [EMPTY] * 5000
    assert log.asked == [(frozenset({CUIABA}), "c")]


async def test_answering_thousands_leaves_the_loop_to_others_in_between(feed: Feed, log: FakeLog) -> None:
    log.going.clear()
    asking = [asyncio.create_task(_read(feed, caller(CUIABA), ticket=0)) for _ in range(5000)]
    await log.begun.acquire()
    log.going.set()
    answered: list[int] = []
    while not answered or answered[-1] < 5000:
        await asyncio.sleep(0)
        answered.append(sum(task.done() for task in asking))
    assert max(later - earlier for earlier, later in zip([0, *answered], answered, strict=False)) <= 100


async def test_another_territory_cursor_limit_or_type_is_another_query(feed: Feed, log: FakeLog) -> None:
    await asyncio.gather(
        _read(feed, caller(CUIABA)),
        _read(feed, caller(CUIABA, VARZEA_GRANDE)),
        _read(feed, caller("*")),
        _read(feed, caller(CUIABA), cursor="d"),
        _read(feed, caller(CUIABA), limit=499),
        _read(feed, caller(CUIABA), entity_type="atividade"),
    )
    assert len(log.asked) == 6


async def test_without_a_ticket_nobody_gets_a_query_that_was_sent_before(feed: Feed, log: FakeLog) -> None:
    log.going.clear()
    first = asyncio.create_task(_read(feed, caller(CUIABA)))
    await log.begun.acquire()
    later = [asyncio.create_task(_read(feed, caller(CUIABA))) for _ in range(10)]
    with_ticket = asyncio.create_task(_read(feed, caller(CUIABA), ticket=0))
    await log.begun.acquire()
    log.going.set()
    await asyncio.gather(first, with_ticket, *later)
    assert len(log.asked) == 2


async def test_a_page_is_kept_until_something_happens_in_its_territory(feed: Feed, log: FakeLog) -> None:
    who = caller(CUIABA)
    for expected, municipio in ((1, VARZEA_GRANDE), (1, VARZEA_GRANDE), (1, CUIABA), (2, VARZEA_GRANDE), (2, CUIABA)):
        await _read(feed, who, ticket=feed.ticket(who))
        assert len(log.asked) == expected
        waiting = asyncio.create_task(feed.wait(caller("*"), feed.ticket(caller("*")), 30))
        await asyncio.sleep(0)
        feed.committed(1, 1, {municipio})
        assert await waiting


async def test_what_is_kept_is_bounded_in_bytes_and_number(feed: Feed, log: FakeLog) -> None:
    for size, pages in ((100 * 1024, 200), (0, 400), (2 * 1024 * 1024, 3)):
        log.page = msgspec.structs.replace(
            EMPTY, items=[msgspec.structs.replace(examples.DOCUMENT, data=msgspec.Raw(b" " * size))]
        )
        for number in range(pages):
            await _read(feed, caller(CUIABA), ticket=0, cursor=f"{size}-{number}")
        kept = feed._reads._kept
        held = sum(len(read.answer.items[0].data or b"") for read in kept.values() if isinstance(read.answer, Page))
        assert held == feed._reads._kept_bytes <= 8 * 1024 * 1024
        assert 0 < len(kept) <= 256


async def test_a_few_queries_run_at_once_and_the_others_wait_their_turn(feed: Feed, log: FakeLog) -> None:
    await asyncio.gather(*(_read(feed, caller(f"{5_100_000 + number}")) for number in range(50)))
    assert len(log.asked) == 50
    assert log.most_at_once == 2


async def test_a_failure_is_told_to_all_who_asked_and_not_kept(feed: Feed, log: FakeLog) -> None:
    log.error = ConnectionRefusedError()
    found = await asyncio.gather(*(_read(feed, caller(CUIABA), ticket=0) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [ConnectionRefusedError] * 3
    log.error = None
    assert await _read(feed, caller(CUIABA), ticket=0) == EMPTY


async def test_who_leaves_takes_the_query_from_nobody(feed: Feed, log: FakeLog) -> None:
    log.going.clear()
    leaving, staying = (asyncio.create_task(_read(feed, caller(CUIABA), ticket=0)) for _ in range(2))
    await log.begun.acquire()
    leaving.cancel()
    await asyncio.wait({leaving})
    log.going.set()
    assert await staying == EMPTY
    assert len(log.asked) == 1


async def test_nothing_is_read_once_the_feed_has_ended(log: FakeLog) -> None:
    feed = Feed(log)
    async with feed.running():
        assert not feed.stopping
    assert feed.stopping
    assert not await feed.wait(caller(CUIABA), 0, 30)
    with pytest.raises(Stopping):
        await _read(feed, caller(CUIABA))
