"""For the orchestrator and Prometheus: alive, ready, metrics."""

import asyncio
from typing import Final

import msgspec
import structlog
from litestar.response.base import ASGIResponse

from techdengue import telemetry

from .call import Call
from .ports import HealthCheck
from .problems import Problem

CHECK_SECONDS: Final = 2.0
_log = structlog.get_logger()


class Live(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "live"


class Ready(msgspec.Struct, frozen=True):
    """Every dependency answers; `checks` is `ok` by dependency."""

    checks: dict[str, str]
    status: str = "ready"


async def live(call: Call) -> ASGIResponse:
    """`GET /health/live`."""
    return await call.answer(Live())


async def ready(call: Call) -> ASGIResponse:
    """`GET /health/ready`: 503 names the dependencies that do not answer."""
    checks = call.services.checks
    results = await asyncio.gather(*(_check(name, check) for name, check in checks.items()))
    found = dict(zip(checks, results, strict=True))
    if away := [name for name, result in found.items() if result != "ok"]:
        raise Problem("unavailable", f"Not ready: {', '.join(away)}", headers={"retry-after": "5"}, checks=found)
    return await call.answer(Ready(checks=found))


async def _check(name: str, check: HealthCheck) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return "timeout"
    except Exception as error:  # noqa: BLE001 - whatever a dependency raises, it is away
        _log.warning("health_check_failed", dependency=name, error=type(error).__name__)
        return "away"
    return "ok"


async def metrics(call: Call) -> ASGIResponse:
    """`GET /metrics`."""
    await call.services.before_metrics()
    return await call.send(telemetry.exposition(), telemetry.CONTENT_TYPE_LATEST)
