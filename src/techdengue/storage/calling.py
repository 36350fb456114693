"""One call of the object store: its time-out, its retries, its count, and what its failures mean."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import aiohttp
from botocore import exceptions as boto

from techdengue import telemetry

from .errors import NoSuchObject, NoSuchUpload, ObjectChanged, StorageAway, StorageError, StorageRefused
from .model import RetryPolicy

Answer = TypeVar("Answer")

S3_RETRY: Final = RetryPolicy(attempts=3, first=0.1, longest=1.0)
"""Every call of ours may be sent again: the keys are new ones, and the store's own rules make the rest idempotent."""

_OVERLOADED: Final = frozenset(
    {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "RequestLimitExceeded", "TooManyRequests"}
)
_NOT_FOUND: Final = frozenset({"NoSuchKey", "NotFound", "404"})
_CHANGED: Final = frozenset({"PreconditionFailed", "412"})


async def call(operation: str, ask: Callable[[], Awaitable[Answer]], *, seconds: float) -> Answer:
    """Ask, and ask again by `S3_RETRY` while the store is away. `seconds` are one attempt's.

    Raises NoSuchObject, NoSuchUpload, ObjectChanged, StorageRefused, StorageAway.
    """
    failed = 0
    while True:
        try:
            return await _attempt(operation, ask, seconds)
        except StorageAway:
            failed += 1
            if failed >= S3_RETRY.attempts:
                raise
        await asyncio.sleep(random.uniform(0.0, S3_RETRY.bound(failed)))  # noqa: S311  # spreads retries, hides nothing


async def _attempt(operation: str, ask: Callable[[], Awaitable[Answer]], seconds: float) -> Answer:
    try:
        async with asyncio.timeout(seconds):
            answer = await ask()
    except (boto.ReadTimeoutError, TimeoutError) as error:
        _count(operation, "timeout")
        raise StorageAway("the object store takes too long") from error
    except boto.ClientError as error:
        failure = _meaning(error)
        _count(operation, _outcome(failure))
        raise failure from error
    except (boto.ConnectionError, boto.HTTPClientError, aiohttp.ClientError, OSError) as error:
        _count(operation, "unavailable")
        raise StorageAway("the object store cannot be reached") from error
    except boto.BotoCoreError as error:
        _count(operation, "refused")
        raise StorageRefused(type(error).__name__, 0) from error
    _count(operation, "ok")
    return answer


def _meaning(error: boto.ClientError) -> StorageError:
    answer: Any = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "NoSuchUpload":
        return NoSuchUpload(code)
    if code in _NOT_FOUND:
        return NoSuchObject(code)
    if code in _CHANGED:
        return ObjectChanged(code)
    if status >= 500 or code in _OVERLOADED:
        return StorageAway(f"the object store answers {status}")
    return StorageRefused(code, status)


def _outcome(failure: StorageError) -> str:
    match failure:
        case StorageAway():
            return "unavailable"
        case NoSuchObject() | NoSuchUpload() | ObjectChanged():
            return "missing"
        case _:
            return "refused"


def _count(operation: str, outcome: str) -> None:
    telemetry.S3_REQUESTS.labels(operation, outcome).inc()
