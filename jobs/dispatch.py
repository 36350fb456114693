"""Telling workers, through arq, that there are runs: a hint. The runs themselves are in PostgreSQL.

A hint that Redis loses costs seconds, for workers look at the table by themselves. So nothing here raises or waits, and
hints that come close together become one.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Collection
from typing import Any, Final

import arq.connections
import msgspec
import redis.asyncio
import redis.exceptions
import structlog

from techdengue import telemetry

from .model import Queue

QUEUE_NAME: Final = "techdengue:queue:{queue}"
HINT: Final = "look"
"""The one function that arq knows: look for due runs."""
_HINT_ID: Final = "techdengue:hint:{queue}:{id}"
_CALL_SECONDS: Final = 2.0
_EXPIRES_MS: Final = 60_000
"""A hint that nobody took for a minute is not needed: who comes then looks by himself."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0

log = structlog.get_logger(__name__)


def arq_redis(url: str) -> arq.connections.ArqRedis:
    """A client of Redis as arq wants it; msgpack, for its default is code execution for whoever writes to Redis.

    Connects to nothing yet. Raises ValueError where `url` is not one of Redis.
    """
    pool = redis.asyncio.ConnectionPool.from_url(
        url, socket_timeout=_CALL_SECONDS, socket_connect_timeout=_CALL_SECONDS
    )
    return arq.connections.ArqRedis(
        pool_or_conn=pool,
        job_serializer=msgspec.msgpack.encode,
        job_deserializer=msgspec.msgpack.decode,
        expires_extra_ms=_EXPIRES_MS,
    )


class Dispatcher:
    """One process's end. Without an address it does nothing."""

    def __init__(self, redis_url: str) -> None:
        self._redis = arq_redis(redis_url) if redis_url else None
        self._queues: set[Queue] = set()
        self._something = asyncio.Event()

    def hint(self, queues: Collection[Queue]) -> None:
        """Have workers of these queues look, soon. Call it after the commit; it neither waits nor raises."""
        if self._redis is not None and queues:
            self._queues.update(queues)
            self._something.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hints go out within the context; the last ones are tried once more at its end."""
        if self._redis is None:
            yield
            return
        task = asyncio.create_task(self._send_for_ever(self._redis), name="job-hints")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with contextlib.suppress(redis.exceptions.RedisError, OSError, TimeoutError):
                await self._send(self._redis)
            await self._redis.aclose(close_connection_pool=True)

    async def _send_for_ever(self, client: arq.connections.ArqRedis) -> None:
        pause, told = _FIRST_PAUSE, False
        while True:
            await self._something.wait()
            try:
                await self._send(client)
                pause, told = _FIRST_PAUSE, False
            except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
                telemetry.JOB_HINT_FAILURES.inc()
                if not told:
                    log.warning("job_hints_not_sent", error=type(error).__name__)
                told = True
                self._forget()
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _send(self, client: Any) -> None:
        while self._queues:
            queue = self._queues.pop()
            await client.enqueue_job(
                HINT,
                _job_id=_HINT_ID.format(queue=queue.value, id=uuid.uuid4().hex),
                _queue_name=QUEUE_NAME.format(queue=queue.value),
            )
            telemetry.JOB_HINTS.labels(queue.value).inc()
        self._something.clear()

    def _forget(self) -> None:
        """Workers look by themselves; hints do not pile up for a Redis that is away."""
        self._queues.clear()
        self._something.clear()
