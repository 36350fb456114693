"""A statement that takes at most so many rows and skips the locked ones takes no more, whatever plan PostgreSQL finds.

Begun anew within a join, it would skip what it has taken just now and take others: so it stands in a CTE, which is
carried out once.
"""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import asyncpg
import pytest

from jobs.statements import load

_JOINS = {"Nested Loop", "Hash Join", "Merge Join"}


def _taking() -> list[str]:
    """Names of the statements that do so."""
    texts = {
        file.name.removesuffix(".sql"): file.read_text()
        for file in files("jobs").joinpath("sql").iterdir()
        if file.is_file()
    }
    return sorted(name for name, text in texts.items() if "SKIP LOCKED" in text and re.search(r"\bLIMIT\b", text))


def _locking(plan: dict[str, Any], *, joined: bool = False) -> Iterator[bool]:
    """Of every node that locks rows, whether it is a side of a join, which may be begun anew; a CTE is not."""
    joined = not plan.get("Subplan Name", "").startswith("CTE ") and (joined or plan["Node Type"] in _JOINS)
    if plan["Node Type"] == "LockRows":
        yield joined
    for child in plan.get("Plans", ()):
        yield from _locking(child, joined=joined)


@pytest.mark.parametrize("name", _taking())
async def test_what_takes_at_most_so_many_rows_is_carried_out_once(name: str, jobs_pool: "asyncpg.Pool[Any]") -> None:
    text = load(name)
    nothing = ", ".join("NULL" for _ in set(re.findall(r"\$\d", text)))
    async with jobs_pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL plan_cache_mode = force_generic_plan; PREPARE taking AS {text}")
        explained = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE taking ({nothing})")
        await connection.execute("DEALLOCATE taking")
    assert list(_locking(json.loads(explained)[0]["Plan"])) == [False]


def test_those_statements_are_found() -> None:
    assert {"claim", "claim_pushes", "forget_runs", "take_abandoned_uploads"} <= set(_taking())
