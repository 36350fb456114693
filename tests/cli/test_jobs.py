"""`techdengue jobs` and `techdengue worker`: what a person sees, and what becomes of it."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from techdengue.dev.database import Database
from tests.e2e.processes import Program, running

from .conftest import Run


@pytest.fixture
async def owner(own_database: Database) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(own_database.owner_url)
    yield connection
    await connection.close()


async def queued(owner: "asyncpg.Connection[Any]", **more: Any) -> str:
    """A run of a job that no version has; it is not picked up by anybody."""
    run_id = uuid.uuid4()
    await owner.execute(
        "INSERT INTO jobs.run (run_id, job, queue, origin, max_attempts, arguments) "
        "VALUES ($1, 'of_the_tests', 'reports', 'request', 3, '{\"report_id\": \"r-1\"}')",
        run_id,
    )
    for column, value in more.items():
        await owner.execute(f"UPDATE jobs.run SET {column} = $2 WHERE run_id = $1", run_id, value)  # noqa: S608 - ours
    return str(run_id)


async def fail(owner: "asyncpg.Connection[Any]", run_id: str) -> None:
    await owner.execute(
        "UPDATE jobs.run SET status = 'failed', attempts = 3, error = 'Permanent: no such report', finished_at = now() "
        "WHERE run_id = $1",
        uuid.UUID(run_id),
    )


async def test_the_list_shows_queues_and_runs(
    techdengue: Run, variables: dict[str, str], owner: "asyncpg.Connection[Any]"
) -> None:
    run_id = await queued(owner)
    shown = await techdengue("jobs", "list", env=variables)

    assert shown.code == 0, shown.err
    lines = shown.out.splitlines()
    assert lines[0].split() == ["queue", "due", "waiting", "running", "dead", "letters", "oldest", "(s)", "workers"]
    assert [line.split()[:2] for line in lines[1:4]] == [["cleanup", "0"], ["notifications", "0"], ["reports", "1"]]
    assert any(line.startswith(f"{run_id}  of_the_tests  queued  0/3") for line in lines)


async def test_the_list_is_filtered_and_is_json_for_programs(
    techdengue: Run, variables: dict[str, str], owner: "asyncpg.Connection[Any]"
) -> None:
    dead, waiting = await queued(owner), await queued(owner)
    await fail(owner, dead)
    found = json.loads((await techdengue("jobs", "list", "--status", "failed", "--json", env=variables)).out)

    assert [item["run_id"] for item in found["items"]] == [dead]
    assert waiting not in json.dumps(found)
    assert {depth["queue"]: depth["failed"] for depth in found["queues"]}["reports"] == 1


async def test_a_run_is_shown_with_what_it_was_given_and_why_it_failed(
    techdengue: Run, variables: dict[str, str], owner: "asyncpg.Connection[Any]"
) -> None:
    run_id = await queued(owner)
    await fail(owner, run_id)
    shown = await techdengue("jobs", "show", run_id, env=variables)

    assert shown.code == 0, shown.err
    for line in ("status              failed", "error               Permanent: no such report", "report_id r-1"):
        assert line in shown.out


async def test_a_dead_letter_is_queued_again_and_another_run_is_not(
    techdengue: Run, variables: dict[str, str], owner: "asyncpg.Connection[Any]"
) -> None:
    run_id = await queued(owner)
    refused = await techdengue("jobs", "retry", run_id, env=variables)
    assert (refused.code, "the run is queued" in refused.err) == (1, True)

    await fail(owner, run_id)
    again = await techdengue("jobs", "retry", run_id, "--json", env=variables)
    assert again.code == 0, again.err
    run = json.loads(again.out)
    assert (run["status"], run["attempts"], run["max_attempts"], run["error"]) == ("queued", 3, 8, None)


async def test_a_run_is_cancelled_once(
    techdengue: Run, variables: dict[str, str], owner: "asyncpg.Connection[Any]"
) -> None:
    run_id = await queued(owner)
    cancelled = await techdengue("jobs", "cancel", run_id, "--wait", "--json", env=variables)
    assert (cancelled.code, json.loads(cancelled.out)["status"]) == (0, "cancelled")

    again = await techdengue("jobs", "cancel", run_id, env=variables)
    assert (again.code, "cancelled already" in again.err) == (1, True)


async def test_waiting_for_a_run_ends_with_it_and_says_why_it_failed(
    variables: dict[str, str], owner: "asyncpg.Connection[Any]", tmp_path: Path
) -> None:
    run_id = await queued(owner)
    await fail(owner, run_id)
    waiting = Program(("jobs", "retry", run_id, "--wait"), variables, tmp_path / "waiting.log")
    async with running(waiting):
        await waiting.said("no worker serves reports: it waits for `techdengue worker reports`")
        await fail(owner, run_id)
        assert await waiting.ended() == 1
    assert "of_the_tests failed: Permanent: no such report" in waiting.read_log()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("jobs", "list", "--status", "dead"), 2, "there is no status dead"),
        (("jobs", "list", "--queue", "emails"), 2, "There are cleanup, reports, notifications."),
        (("jobs", "run", "make_coffee"), 2, "there is no job make_coffee"),
        (("jobs", "show", "no-uuid"), 2, "'no-uuid' is no run's id"),
        (("jobs", "show", "019ac1d4-2f5e-7c31-9a83-6f0e8c2b71d5"), 1, "there is no run 019ac1d4"),
        (("jobs", "retry", "019ac1d4-2f5e-7c31-9a83-6f0e8c2b71d5"), 1, "there is no run 019ac1d4"),
        (("worker", "emails"), 2, "there is no queue emails"),
    ],
)
async def test_what_means_nothing_is_a_sentence_and_what_to_do(
    techdengue: Run, variables: dict[str, str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended = await techdengue(*arguments, env=variables)

    assert (ended.code, said in ended.err) == (code, True), ended.err
    assert "Traceback" not in ended.err


async def test_a_worker_whose_port_or_redis_cannot_be_used_says_so(techdengue: Run, variables: dict[str, str]) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        ended = await techdengue("worker", "all", "--port", str(port), env=variables)
    assert (ended.code, f"port {port} of 127.0.0.1 cannot be listened on" in ended.err) == (1, True), ended.err

    ended = await techdengue("worker", "all", "--port", "0", env={**variables, "TECHDENGUE_REDIS_URL": "http://x"})
    assert (ended.code, "TECHDENGUE_REDIS_URL is no address of Redis" in ended.err) == (2, True), ended.err


async def test_a_job_is_started_by_hand_and_waited_for_until_a_worker_has_run_it(
    techdengue: Run, variables: dict[str, str], tmp_path: Path
) -> None:
    worker = Program(("worker", "cleanup", "--port", "0"), variables, tmp_path / "worker.log")
    async with running(worker):
        ran = await techdengue("jobs", "run", "prune_push_targets", "--wait", "--key", "k", "--json", env=variables)
        assert ran.code == 0, ran.err
        run = json.loads(ran.out)
        assert (run["job"], run["status"], run["attempts"], run["origin"]) == (
            "prune_push_targets",
            "succeeded",
            1,
            "request",
        )
        again = await techdengue("jobs", "run", "prune_push_targets", "--key", "k", "--json", env=variables)
        assert json.loads(again.out)["run_id"] == run["run_id"]

        refused = await techdengue("jobs", "run", "prune_push_targets", "--arguments", '{"a": 1}', env=variables)
        assert (refused.code, "It takes none." in refused.err) == (2, True), refused.err
        assert await worker.stop() == 0
    assert "working on cleanup" in worker.read_log()
