"""A short run of `make chaos`: every kind of fault once, some 600 operations. And: the checker finds what is wrong."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from techdengue.dev.database import create_migrated
from tests.e2e.processes import Server, environment, running

from .checking import Checker, Findings, count_broken
from .episode import Episode, Plan
from .faults import KINDS, Faults
from .report import Totals
from .running import check_all, faults_of, run_episode
from .site import SQL, Broken, standing

SEED = 20240115


@pytest.fixture(scope="module")
async def broken() -> AsyncIterator[Broken]:
    async with standing() as found:
        yield found


async def test_after_every_kind_of_fault_nothing_acknowledged_is_lost_doubled_or_reordered(broken: Broken) -> None:
    faults, totals = Faults(broken, SEED), Totals()
    plan = Plan(seed=SEED, number=0, faults=faults_of(SEED, 0, "", often=1), gap=15, devices=6, quota=30)
    await run_episode(broken, plan, faults, totals)
    await check_all(broken, totals)
    assert totals.complaints() == []
    assert totals.findings.clean
    assert all(totals.faults[kind] == 1 for kind in KINDS)
    assert totals.acknowledged >= plan.gap * len(KINDS)
    assert totals.findings.replayed >= totals.acknowledged


@pytest.fixture
async def elsewhere(broken: Broken) -> AsyncIterator[Broken]:
    """Another database on the same PostgreSQL, with a server of its own: what is damaged there harms nobody."""
    database = await create_migrated(broken.postgres, "damaged", "server-of-the-tests")
    server = Server(environment(database.server_url, broken.key_file), broken.home / "damaged.log")
    async with running(server):
        yield msgspec.structs.replace(broken, database=database, servers=[server])


async def test_the_checker_finds_whatever_is_wrong(elsewhere: Broken) -> None:
    plan = Plan(seed=SEED, number=0, faults=[], gap=60, devices=3, quota=50, bad_luck=0.0)
    episode = Episode(elsewhere, plan, Faults(elsewhere, SEED))
    await episode.run()
    assert (await Checker(elsewhere, episode).check()).clean
    assert await count_broken(elsewhere) == []
    await _damage_the_log(elsewhere)
    _damage_what_was_told(episode)
    _assert_all_found(await Checker(elsewhere, episode, at_once=1).check(), await count_broken(elsewhere))


async def _damage_the_log(elsewhere: Broken) -> None:
    owner = await elsewhere.owner()
    try:
        await owner.execute(SQL["damage"])
    finally:
        await owner.close()


def _damage_what_was_told(episode: Episode) -> None:
    first, second, *_ = (entry for entry in episode.ledger.entries.values() if entry.heard and entry.number > 20)
    first.heard[0].body["version"] = 77
    second.heard.append(second.heard[0])
    walker = episode.walkers[0]
    walker.copies.pop(next(iter(walker.copies)))
    walker.went_back.append("backwards")


def _assert_all_found(found: Findings, database: list[str]) -> None:
    for sentences, told in (
        (found.lost, "was acknowledged and is not in the log"),
        (found.lost, "and its repeat was answered"),
        (found.doubled, "was recorded 2 times"),
        (found.reordered, "comes after operation"),
        (found.reordered, "pulled backwards"),
        (found.wrong, "was answered in 2 ways"),
        (found.wrong, "replay of"),
        (found.wrong, "document of"),
        (found.wrong, "holds"),
        (database, "positions not in a row"),
        (database, "sequences not in a row"),
        (database, "keys recorded twice"),
        (database, "lanes not at their end"),
        (database, "heads not at their end"),
        (database, "devices whose requests do not add up"),
        (database, "conflicts without their event"),
    ):
        assert any(told in sentence for sentence in sentences), (told, sentences)
