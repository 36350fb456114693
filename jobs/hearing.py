"""A worker's ear: arq, whose only function rings the bell of an executor.

arq renews no in-progress key and repeats no job of a killed worker before its longest time-out: so what it is given
ends at once, and how long a job may run is none of its business (docs/decisions/0017).
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

import arq
import arq.worker
import redis.exceptions
import structlog

from techdengue import telemetry

from .dispatch import HINT, QUEUE_NAME, arq_redis
from .model import Queue

_POLL_SECONDS: Final = 0.1
_TIMEOUT_SECONDS: Final = 5
_HEALTH_SECONDS: Final = 10
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0

log = structlog.get_logger(__name__)


async def hear(
    redis_url: str, queue: Queue, worker: str, ring: Callable[[], None], has_room: Callable[[], bool]
) -> None:
    """Ring for every hint of this queue, until cancelled, whatever becomes of Redis.

    A worker without room leaves hints to others.
    """
    pause, told = _FIRST_PAUSE, False
    while True:
        began = asyncio.get_running_loop().time()
        error = await _hear_until_lost(redis_url, queue, worker, ring, has_room)
        if asyncio.get_running_loop().time() - began > _LONGEST_PAUSE:
            pause, told = _FIRST_PAUSE, False
        telemetry.JOB_HINT_FAILURES.inc()
        if not told:
            log.warning("redis_lost", queue=queue.value, error=type(error).__name__)
        told = True
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _hear_until_lost(
    redis_url: str, queue: Queue, worker: str, ring: Callable[[], None], has_room: Callable[[], bool]
) -> BaseException:
    async def look(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> None:
        ring()

    client = arq_redis(redis_url)
    ear = _Ear(
        functions=[arq.func(look, name=HINT)],
        queue_name=QUEUE_NAME.format(queue=queue.value),
        redis_pool=client,
        handle_signals=False,
        job_timeout=_TIMEOUT_SECONDS,
        keep_result=0,
        max_tries=1,
        retry_jobs=False,
        poll_delay=_POLL_SECONDS,
        health_check_interval=_HEALTH_SECONDS,
        health_check_key=f"techdengue:worker:{worker}:{queue.value}",
        job_serializer=client.job_serializer,
        job_deserializer=client.job_deserializer,
        log_results=False,
    )
    ear.has_room = has_room
    try:
        await ear.async_run()
    except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
        return error
    except Exception as error:  # noqa: BLE001 - whatever arq makes of what somebody else put into Redis ends no worker
        with contextlib.suppress(redis.exceptions.RedisError, OSError, TimeoutError):
            await client.delete(ear.queue_name)  # they are only hints
        return error
    finally:
        with contextlib.suppress(redis.exceptions.RedisError, OSError, TimeoutError):
            await client.delete(ear.health_check_key)
        await client.aclose(close_connection_pool=True)
    raise AssertionError("arq ends with an error, or cancelled")


class _Ear(arq.worker.Worker):
    """arq's worker, which picks hints only while there is room."""

    has_room: Callable[[], bool]

    async def _poll_iteration(self) -> None:
        self.allow_pick_jobs = self.has_room()
        await super()._poll_iteration()
