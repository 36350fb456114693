"""A worker's own small HTTP server: its metrics, and whether it lives and is ready."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg
from aiohttp import web

from eventstore import DATABASE_AWAY
from techdengue import telemetry

from .services import JobServices

_READY_SECONDS = 5.0


class PortTaken(Exception):
    """Another process listens where this worker was to answer."""


@contextlib.asynccontextmanager
async def answering(services: JobServices, host: str, port: int) -> AsyncIterator[int]:
    """Answer /metrics, /health/live and /health/ready within the context; gives the port. Raises PortTaken."""

    async def ready(_request: web.Request) -> web.Response:
        return await _ready(services)

    application = web.Application()
    application.add_routes(
        [web.get("/metrics", _metrics), web.get("/health/live", _live), web.get("/health/ready", ready)]
    )
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise PortTaken(f"port {port} of {host} cannot be listened on: {error.strerror or error}") from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _metrics(_request: web.Request) -> web.Response:
    return web.Response(body=telemetry.exposition(), headers={"content-type": telemetry.CONTENT_TYPE_LATEST})


async def _live(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _ready(services: JobServices) -> web.Response:
    try:
        await services.pool.fetchval("SELECT count(*) FROM jobs.worker", timeout=_READY_SECONDS)
    except (*DATABASE_AWAY, TimeoutError, asyncpg.PostgresError):
        return web.json_response({"status": "unavailable", "database": "away"}, status=503)
    return web.json_response({"status": "ok"})
