"""How one attempt of a run ends, and what is recorded of it."""

import datetime as dt

from jobs import NoArguments, Status
from jobs.model import RetryPolicy

from .conftest import QueueRun, RunJob
from .probes import BREAK, FAIL, NOTE, REFUSE, SLEEP, Failing
from .working import Table


async def test_a_run_succeeds_with_its_counts(run_job: RunJob, table: Table) -> None:
    ending = await run_job(NOTE, NoArguments())

    assert (ending.outcome, ending.counts) == ("succeeded", {"noted": 1})
    [row] = await table.connection.fetch("SELECT status, attempts, counts, error, finished_at, worker FROM jobs.run")
    assert (row["status"], row["attempts"], row["counts"], row["error"]) == ("succeeded", 1, '{"noted": 1}', None)
    assert row["finished_at"] is not None


async def test_what_may_work_later_is_queued_again_and_what_never_will_is_a_dead_letter(
    run_job: RunJob, table: Table
) -> None:
    assert (await run_job(FAIL, Failing(times=1))).outcome == "retried"
    row = await table.connection.fetchrow("SELECT * FROM jobs.run WHERE job = 'fail'")
    assert (row["status"], row["error"]) == ("queued", "Transient: the service is away")
    assert row["finished_at"] is None

    assert (await run_job(REFUSE, NoArguments())).outcome == "failed"
    row = await table.connection.fetchrow("SELECT * FROM jobs.run WHERE job = 'refuse'")
    assert (row["status"], row["attempts"], row["error"]) == ("failed", 1, "Permanent: it can never work")


async def test_the_message_of_an_unexpected_error_is_not_stored(run_job: RunJob, table: Table) -> None:
    await run_job(BREAK, NoArguments())

    assert await table.connection.fetchval("SELECT error FROM jobs.run") == "ValueError"


async def test_an_attempt_that_takes_too_long_is_ended_and_tried_again(run_job: RunJob, table: Table) -> None:
    ending = await run_job(SLEEP, NoArguments())

    assert (ending.outcome, ending.status) == ("retried", Status.QUEUED)
    assert (await table.connection.fetchval("SELECT error FROM jobs.run")).startswith("TimeLimit: ")


async def test_the_second_run_of_a_key_is_the_first(queue_run: QueueRun, table: Table) -> None:
    first = await queue_run(NOTE, NoArguments(), key="a")

    assert await queue_run(NOTE, NoArguments(), key="a") == first
    assert await queue_run(NOTE, NoArguments(), key="b") != first
    assert await queue_run(FAIL, Failing(times=0), key="a") != first
    assert await table.connection.fetchval("SELECT count(*) FROM jobs.run") == 3


def test_pauses_double_up_to_the_longest_and_are_spread_over_all_of_it() -> None:
    policy = RetryPolicy(attempts=9, first=dt.timedelta(seconds=1), longest=dt.timedelta(seconds=60))

    assert [policy.pause(n, chance=lambda: 1.0).total_seconds() for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert policy.pause(5, chance=lambda: 0.25).total_seconds() == 4
    assert policy.pause(10_000, chance=lambda: 1.0).total_seconds() == 60
