"""Push messages: conflicts and a user of many devices, through a worker to a stand-in for FCM in a process of its own.

The stand-in answers at once, or after 100 ms as the real one does. The figures to beat are those of the first version
of this system: 500 messages a minute, 200 ms each.
"""

import asyncio
import contextlib
import datetime as dt
import os
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import msgspec

from jobs.dispatch import Dispatcher
from jobs.enqueue import enqueue
from jobs.model import Origin, Queue
from jobs.outbox import ConflictParked
from jobs.push import texts, wire
from jobs.push.model import Target as PushTarget
from jobs.push.model import TargetKind
from jobs.push.notify_sync_conflict import NOTIFY_SYNC_CONFLICT
from jobs.push.send_push_notification import SEND_PUSH_NOTIFICATION, PushArguments
from jobs.push.service_account import read_service_account
from jobs.services import ROLE, utc_now
from techdengue.dev.valkey import EmbeddedValkey

from .measure import Named, Options, Row, Target, percentile, tell
from .processor import processor_seconds
from .stage import Stage

_MESSAGES = 1_000
_SINGLE = 60
_AT_ONCE = 64
_DELAY = 0.1
_PER_MINUTE, _P50_MS = 500.0, 200.0
_MUNICIPIO = "5103403"

_UNDER_WAY = "SELECT EXISTS (SELECT FROM jobs.run WHERE status IN ('queued', 'running'))"
_PARK = """
INSERT INTO projections.conflict (
    conflict_id, municipio_cod_ibge, entity_type, entity_id, stream, sequence, conflict_type, device_id, user_id,
    opened_at
) VALUES ($1, $2, 'atividade', 'a', 'atividade/a', 2, 'update_update', 'author', 'author', now())
"""
_DEVICES = """
INSERT INTO techdengue.device (device_id, owner, push_kind, push_token)
SELECT 'many-' || n, 'many', 'fid', 'many-' || n FROM generate_series(1, $1::integer) AS n
UNION ALL SELECT 'author', 'author', 'token', 'author'
"""


class _Running(msgspec.Struct, frozen=True):
    """What a round works with."""

    pool: "asyncpg.Pool[Any]"
    dispatcher: Dispatcher
    owner: "asyncpg.Connection[Any]"
    worker: int
    """The worker's process id."""


class _Figures(msgspec.Struct, frozen=True):
    """Messages a minute, and microseconds of the worker's processor for each."""

    per_minute: float
    processor: float


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    bare, single = [], []
    conflicts, devices, slow = [], [], []
    for number in range(options.rounds):
        tell(f"push: round {number + 1} of {options.rounds}")
        with tempfile.TemporaryDirectory(prefix="techdengue-push-") as directory:
            home = Path(directory)
            async with _standing_in(home, 0.0) as settings:
                bare.append(await _post_bare(home, settings))
                async with _working(stage, home, settings) as running:
                    conflicts.append(await _per_minute(running, _park(running, _MESSAGES)))
                    devices.append(await _per_minute(running, _tell_many_devices(running)))
            async with (
                _standing_in(home, _DELAY) as settings,
                _working(stage, home, settings) as running,
            ):
                slow.append(await _per_minute(running, _park(running, _MESSAGES)))
                single.append(await _one_by_one(running))
    fast = Target(limit=_PER_MINUTE, of="median")
    return [
        _row("aiohttp alone, 64 at once", "messages/min", bare),
        _row("1,000 conflicts, a run each", "messages/min", [each.per_minute for each in conflicts], bare, fast),
        _row("… CPU of the worker", "µs/message", [each.processor for each in conflicts]),
        _row("one run to 1,000 devices", "messages/min", [each.per_minute for each in devices], bare, fast),
        _row("… CPU of the worker", "µs/message", [each.processor for each in devices]),
        _row("1,000 conflicts, FCM takes 100 ms", "messages/min", [each.per_minute for each in slow], (), fast),
        _row("one conflict, FCM takes 100 ms, p50", "ms", single, (), Target(limit=_P50_MS, at_most=True, of="median")),
    ]


def _row(
    contestant: str, unit: str, values: Sequence[float], references: Sequence[float] = (), target: Target | None = None
) -> Row:
    return Row(
        measure="push",
        contestant=contestant,
        unit=unit,
        values=tuple(values),
        references=tuple(references),
        target=target,
    )


async def _per_minute(running: _Running, queueing: Coroutine[Any, Any, None]) -> _Figures:
    """From the commit that queues them to the end of the last run."""
    before = await _sent(running)
    await queueing
    started, processor = time.perf_counter(), processor_seconds(running.worker)
    running.dispatcher.hint([Queue.NOTIFICATIONS])
    await _all_ended(running)
    seconds, processor = time.perf_counter() - started, processor_seconds(running.worker) - processor
    if (sent := await _sent(running) - before) != _MESSAGES:
        raise RuntimeError(f"{sent} of {_MESSAGES} messages were sent")
    return _Figures(_MESSAGES * 60 / seconds, processor * 1e6 / _MESSAGES)


async def _one_by_one(running: _Running) -> float:
    """Milliseconds from a conflict's commit to the end of its run, the median of some."""
    for _ in range(_SINGLE):
        await _park(running, 1)
        running.dispatcher.hint([Queue.NOTIFICATIONS])
        await _all_ended(running)
    rows = await running.owner.fetch(
        "SELECT extract(epoch FROM finished_at - queued_at) AS seconds FROM jobs.run ORDER BY run_id DESC LIMIT $1",
        _SINGLE,
    )
    return percentile([float(row["seconds"]) for row in rows], 0.5) * 1e3


async def _all_ended(running: _Running) -> None:
    async with asyncio.timeout(300):
        while await running.owner.fetchval(_UNDER_WAY):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)


async def _sent(running: _Running) -> int:
    found: int = await running.owner.fetchval("SELECT count(*) FROM jobs.push_delivery WHERE state = 'sent'")
    return found


async def _park(running: _Running, number: int) -> None:
    """Conflicts of a user with one device, and their runs, in one commit."""
    ids = [uuid.uuid4() for _ in range(number)]
    await running.owner.executemany(_PARK, [(conflict_id, _MUNICIPIO) for conflict_id in ids])
    async with running.pool.acquire() as connection, connection.transaction():
        for conflict_id in ids:
            key, arguments = str(conflict_id), ConflictParked(conflict_id)
            await enqueue(connection, NOTIFY_SYNC_CONFLICT, arguments, key=key, origin=Origin.COMMIT)


async def _tell_many_devices(running: _Running) -> None:
    """One message to a user of many devices."""
    arguments = PushArguments("many", "Aviso", "Há uma versão nova do aplicativo.")
    async with running.pool.acquire() as connection, connection.transaction():
        await enqueue(connection, SEND_PUSH_NOTIFICATION, arguments, key=None, origin=Origin.REQUEST)


async def _post_bare(home: Path, settings: Mapping[str, str]) -> float:
    """The same messages by aiohttp and nothing else, a minute."""
    account = read_service_account(home / "service-account.json")
    message = texts.sync_conflict(uuid.uuid4(), "atividade")
    target = PushTarget(TargetKind.TOKEN, "bare")
    body = wire.encode(message, target, ttl=dt.timedelta(days=1), now=utc_now(), validate_only=False)
    url = f"{settings['TECHDENGUE_PUSH_ENDPOINT']}/v1/projects/{account.project_id}/messages:send"
    left = iter(range(_MESSAGES))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_AT_ONCE)) as session:
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": account.assertion(utc_now())}
        async with session.post(account.token_uri, data=form) as answer:
            headers = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}

        async def post() -> None:
            for _ in left:
                async with session.post(url, data=body, headers=headers) as answer:
                    await answer.read()
                    answer.raise_for_status()

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(post())
        return _MESSAGES * 60 / (time.perf_counter() - started)


@contextlib.asynccontextmanager
async def _standing_in(home: Path, delay: float) -> AsyncIterator[Mapping[str, str]]:
    """The stand-in for FCM as a process; the settings that lead to it."""
    command = (sys.executable, "-m", "tests.push", str(home), "0", str(delay))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(60):
            lines = [(await process.stdout.readline()).decode().strip() for _ in range(2)] if process.stdout else []
        yield dict(line.split("=", 1) for line in lines)
    finally:
        process.terminate()
        await process.communicate()


@contextlib.asynccontextmanager
async def _working(stage: Stage, home: Path, settings: Mapping[str, str]) -> AsyncIterator[_Running]:
    """A database with devices, Valkey for hints, and `techdengue worker notifications` as an operator starts it."""
    database = await stage.database()
    valkey = EmbeddedValkey(home / "valkey")
    await valkey.start()
    environment = {
        **os.environ,
        **settings,
        "TECHDENGUE_DATABASE_URL": database.server_url,
        "TECHDENGUE_REDIS_URL": valkey.url,
        "TECHDENGUE_LOG_LEVEL": "warning",
    }
    command = (str(Path(sys.executable).with_name("techdengue")), "worker", "notifications", "--port", "0")
    worker = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    dispatcher = Dispatcher(valkey.url)
    try:
        async with (
            stage.pool(database, ROLE, 2) as pool,
            stage.owner(database) as owner,
            dispatcher.running(),
        ):
            await owner.execute(_DEVICES, _MESSAGES)
            await owner.execute("VACUUM (ANALYZE) techdengue.device")
            if worker.stdout is None or b"working on" not in await worker.stdout.readline():
                raise RuntimeError("the worker did not start")
            yield _Running(pool, dispatcher, owner, worker.pid)
    finally:
        if worker.returncode is None:
            worker.terminate()
        await worker.communicate()
        await valkey.stop()
        await stage.drop(database)


PUSH = Named("push", lambda options: options.rounds * 50, _measure)
