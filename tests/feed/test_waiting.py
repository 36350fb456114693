"""A wait ends when something was committed in the caller's territory, and only then; thousands wake without a stall."""

import asyncio

import pytest

from techdengue.feed.slices import Slices
from techdengue.feed.waiting import Waiters
from techdengue.telemetry import FEED_WAITING

CUIABA = frozenset({"5103403"})
BOTH = frozenset({"5103403", "5108402"})
SINOP = frozenset({"5107909"})
ALL = frozenset({"*"})
NOBODY: frozenset[str] = frozenset()


@pytest.fixture
def waiters() -> Waiters:
    return Waiters(Slices(), pace=0.001)


async def _start(waiters: Waiters, *territories: frozenset[str]) -> list[asyncio.Task[bool]]:
    """Begin to wait in each; answers once all wait."""
    tasks = [asyncio.create_task(waiters.wait(each, waiters.ticket(each), 30)) for each in territories]
    await asyncio.sleep(0)
    return tasks


async def test_who_may_see_the_municipio_is_woken_and_nobody_else(waiters: Waiters) -> None:
    woken = await _start(waiters, CUIABA, BOTH, ALL)
    others = await _start(waiters, SINOP, NOBODY)
    waiters.announce({"5103403"})
    assert await asyncio.gather(*woken) == [True, True, True]
    assert not any(task.done() for task in others)
    waiters.stop()
    assert await asyncio.gather(*others) == [False, False]


async def test_everybody_is_woken_when_nobody_knows_where_it_happened(waiters: Waiters) -> None:
    tasks = await _start(waiters, CUIABA, BOTH, SINOP, ALL, NOBODY)
    waiters.announce({"*"})
    assert await asyncio.gather(*tasks) == [True] * 5


async def test_what_happened_between_ticket_and_wait_ends_the_wait_at_once(waiters: Waiters) -> None:
    for announced in ({"5103403"}, {"*"}):
        tickets = {each: waiters.ticket(each) for each in (CUIABA, BOTH, ALL)}
        others = waiters.ticket(SINOP)
        (round_over,) = await _start(waiters, ALL)
        waiters.announce(announced)
        await round_over
        for territory, ticket in tickets.items():
            assert await waiters.wait(territory, ticket, 0)
        assert (waiters.ticket(SINOP) > others) == ("*" in announced)


async def test_a_wait_ends_with_false_when_its_time_is_over(waiters: Waiters) -> None:
    assert not await waiters.wait(CUIABA, waiters.ticket(CUIABA), 0.01)
    assert not waiters.occupied.is_set()


async def test_a_wait_that_is_abandoned_leaves_nothing_behind(waiters: Waiters) -> None:
    before = FEED_WAITING._value.get()
    tasks = await _start(waiters, CUIABA, BOTH, BOTH, ALL)
    assert waiters.occupied.is_set()
    assert FEED_WAITING._value.get() == before + 4
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert not waiters.occupied.is_set()
    assert FEED_WAITING._value.get() == before
    assert (waiters._waiting, waiters._territories) == ({}, {})


async def test_nobody_waits_once_it_has_stopped(waiters: Waiters) -> None:
    waiters.stop()
    assert not await waiters.wait(CUIABA, -1, 30)


async def test_commits_that_come_thick_and_fast_are_one_round() -> None:
    waiters = Waiters(Slices(), pace=30)
    (first,) = await _start(waiters, CUIABA)
    waiters.announce({"5103403"})
    assert await first
    (second,) = await _start(waiters, CUIABA)
    for _ in range(1000):
        waiters.announce({"5103403"})
    await asyncio.sleep(0)
    assert not second.done()
    assert waiters.round == 1
    waiters.stop()
    assert not await second


async def test_waking_thousands_leaves_the_loop_to_others_in_between(waiters: Waiters) -> None:
    tasks = await _start(waiters, *[CUIABA] * 5000)
    woken: list[int] = []
    waiters.announce({"5103403"})
    while len(woken) < 3 or not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        woken.append(sum(task.done() for task in tasks))
    assert woken[-1] == 5000
    assert max(later - earlier for earlier, later in zip([0, *woken], woken, strict=False)) <= 100


async def test_a_round_waits_for_the_one_before_and_loses_nothing(waiters: Waiters) -> None:
    tasks = await _start(waiters, *[CUIABA] * 1000)
    waiters.announce({"5103403"})
    await tasks[0]
    waiters.announce({"5107909"})
    (late,) = await _start(waiters, SINOP)
    assert await late
    assert all(task.done() for task in tasks[:-64])


async def test_municipios_without_end_wake_everybody_and_are_not_remembered() -> None:
    waiters = Waiters(Slices(), pace=0)
    ticket = waiters.ticket(CUIABA)
    waiting = asyncio.create_task(waiters.wait(CUIABA, ticket, 60))
    await asyncio.sleep(0)
    waiters.announce([f"forged-{number}" for number in range(30_000)])
    assert await waiting
    assert waiters.ticket(CUIABA) > ticket
    assert not waiters._woken
