"""A short run of what `make chaos` does with conflicts and workers; and: it finds what is wrong."""

from typing import Any

import asyncpg

from .notifying import KINDS, standing

CONFLICTS = 60


async def test_whatever_breaks_each_conflict_is_shown_once_to_each_who_must_know() -> None:
    async with standing(seed=3) as stage:
        found = await stage.run(CONFLICTS, gap=20)

        assert found.wrong == []
        assert set(found.faults) == set(KINDS)
        assert found.messages - found.again == 3 * CONFLICTS

        missing, owner = stage.fcm.taken[-1], await asyncpg.connect(stage.database.owner_url)
        stage.fcm.taken = [
            taken for taken in stage.fcm.taken if (taken.target, taken.tag) != (missing.target, missing.tag)
        ]
        await owner.execute(
            "UPDATE jobs.run SET key = key || 'x', status = 'failed' WHERE run_id = $1", await _any(owner)
        )
        await owner.close()
        assert await stage.check(found) == [
            f"{missing.target} does not show {missing.tag}",
            "1 conflicts without a run of their own",
            "1 runs without a conflict",
            "1 runs that did not succeed",
        ]


async def _any(owner: "asyncpg.Connection[Any]") -> Any:
    return await owner.fetchval("SELECT run_id FROM jobs.run WHERE job = 'notify_sync_conflict' LIMIT 1")
