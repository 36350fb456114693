"""Episode after episode on one site, each checked when it is over, and the whole log at the end."""

import asyncio
import random
from typing import Final

from .checking import Checker, count_broken, verify_projections
from .episode import Episode, Plan
from .faults import KINDS, Faults
from .report import Totals
from .site import Broken
from .tailing import digest_of

OFTEN: Final = ("kill -9", "connection cut", "backend terminated", "disk full")
"""Faults whose name begins so come more often in an episode of a long run."""


def faults_of(seed: int, number: int, wanted: str, *, often: int) -> list[str]:
    """The faults of an episode in the order in which they come; those whose name contains `wanted`."""
    kinds = [kind for kind in KINDS for _ in range(often if kind.startswith(OFTEN) else 1) if wanted in kind]
    random.Random(f"{seed}/{number}").shuffle(kinds)  # noqa: S311 - a repeatable story, not a secret
    return kinds


async def run_episode(
    broken: Broken, plan: Plan, faults: Faults, totals: Totals, stop: asyncio.Event | None = None
) -> None:
    """Play one episode, until `stop` is set if it is, and check it."""
    episode = Episode(broken, plan, faults)
    await episode.run(stop)
    totals.add(episode, await Checker(broken, episode).check())
    totals.faults.update(faults.counted)
    faults.counted.clear()


async def check_all(broken: Broken, totals: Totals) -> None:
    """At the end: the log as a whole, and what a reader saw of it all the while."""
    totals.findings.wrong += await count_broken(broken) + await verify_projections(broken)
    seen = await broken.tail.seen()
    owner = await broken.owner()
    try:
        there = await digest_of(owner)
    finally:
        await owner.close()
    if seen != there:
        totals.findings.reordered.append(f"a reader saw the log as {seen}, and it is {there}")
    broken.projector.check_running()
    for server in broken.servers:
        server.check_running()
