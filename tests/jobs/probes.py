"""Jobs that only the tests know: they leave their effect in a table, and do what a test asks for."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import asyncpg
import msgspec

from jobs import Job, NoArguments, Origin, Permanent, Queue, RetryPolicy, Run, Transient, enqueue
from jobs.model import AnyJob, Counts

_CREATE_EFFECT = """
CREATE TABLE jobs.effect (
    run_id   uuid        NOT NULL,
    job      text        NOT NULL,
    attempt  integer     NOT NULL,
    worker   text        NOT NULL,
    due_at   timestamptz NOT NULL,
    what     text        NOT NULL,
    happened timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE jobs.gate (
    name text NOT NULL PRIMARY KEY
);
GRANT SELECT, INSERT ON jobs.effect, jobs.gate TO techdengue_jobs;
"""
QUICKLY = RetryPolicy(attempts=4, first=dt.timedelta(milliseconds=20), longest=dt.timedelta(milliseconds=100))


async def prepare(owner_url: str) -> None:
    """Make the tables of effects in a database."""
    connection = await asyncpg.connect(owner_url)
    await connection.execute(_CREATE_EFFECT)
    await connection.close()


class Gated(msgspec.Struct, frozen=True):
    """Arguments of a job that waits until a test opens its gate."""

    gate: str


class Failing(msgspec.Struct, frozen=True):
    """Arguments of a job that fails so many times."""

    times: int


async def leave(run: Run, what: str) -> None:
    """Leave an effect."""
    await run.services.pool.execute(
        "INSERT INTO jobs.effect (run_id, job, attempt, worker, due_at, what) VALUES ($1, '', $2, $3, $4, $5)",
        run.run_id,
        run.attempt,
        run.worker,
        run.due_at,
        what,
    )


async def _note(run: Run, _arguments: NoArguments) -> Counts:
    await leave(run, "noted")
    return {"noted": 1}


async def _is_open(run: Run, gate: str) -> bool:
    return await run.services.pool.fetchval("SELECT true FROM jobs.gate WHERE name = $1", gate) is True


async def _wait(run: Run, arguments: Gated) -> Counts:
    await leave(run, "began")
    while not await _is_open(run, arguments.gate):  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.02)
    await leave(run, "ended")
    return {"waited": 1}


async def _step(run: Run, arguments: Gated) -> Counts:
    await leave(run, "began")
    steps = 0
    while not await _is_open(run, arguments.gate):
        steps += 1
        await run.progress(steps, None, found=2 * steps)
        await asyncio.sleep(0.02)
    return {"steps": steps}


async def _fail_for_a_while(run: Run, arguments: Failing) -> Counts:
    await leave(run, "tried")
    if run.attempt <= arguments.times:
        raise Transient("the service is away")
    return {}


async def _refuse(_run: Run, _arguments: NoArguments) -> Counts:
    raise Permanent("it can never work")


async def _break(_run: Run, _arguments: NoArguments) -> Counts:
    raise ValueError("personal data of somebody")


async def _sleep(run: Run, _arguments: NoArguments) -> Counts:
    await leave(run, "began")
    await asyncio.Event().wait()
    return {}


async def _lead(run: Run, _arguments: NoArguments) -> Counts:
    async with run.services.pool.acquire() as connection, connection.transaction():
        await enqueue(connection, TIDY, NoArguments(), key=str(run.run_id), origin=Origin.JOB)
    return {}


def _job(
    name: str, handler: Callable[[Run, Any], Awaitable[Counts]], arguments: Any = NoArguments, **more: Any
) -> AnyJob:
    fields: dict[str, Any] = {
        "queue": Queue.REPORTS,
        "time_limit": dt.timedelta(seconds=60),
        "retry": QUICKLY,
        "summary": "A job of the tests.",
    }
    return Job(name=name, handler=handler, arguments=arguments, **{**fields, **more})


NOTE = _job("note", _note)
WAIT = _job("wait", _wait, Gated)
STEP = _job("step", _step, Gated)
ALONE = _job("alone", _wait, Gated, exclusive=True)
FAIL = _job("fail", _fail_for_a_while, Failing)
REFUSE = _job("refuse", _refuse)
BREAK = _job("break", _break)
SLEEP = _job("sleep", _sleep, time_limit=dt.timedelta(milliseconds=100))
LEAD = _job("lead", _lead)
TIDY = _job("tidy", _note, queue=Queue.CLEANUP)

PROBES: Mapping[str, AnyJob] = MappingProxyType(
    {job.name: job for job in (NOTE, WAIT, STEP, ALONE, FAIL, REFUSE, BREAK, SLEEP, LEAD, TIDY)}
)
