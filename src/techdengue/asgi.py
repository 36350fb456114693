"""The composition root: settings in, the whole server out, and its beginning and end.

It starts without its database too: pools open connections when they are asked for one, so every answer that needs
PostgreSQL is a 503 until it is there, and nobody has to start us again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

import asyncpg
import structlog

from eventstore import write_times_quickly
from jobs import Dispatcher
from techdengue import telemetry
from techdengue.audit import AUDITOR, AuditTrail
from techdengue.evidence import Evidence
from techdengue.feed import Feed
from techdengue.http.app import build_app
from techdengue.http.auth import TokenVerifier
from techdengue.http.keeper import Keeper
from techdengue.http.postgres_jobs import PostgresJobs
from techdengue.http.postgres_readers import PostgresReaders
from techdengue.http.postgres_reports import PostgresReports
from techdengue.http.projection_lag import ProjectionLag
from techdengue.http.services import Services
from techdengue.intake import Intake
from techdengue.intake.grouping import grouping_of
from techdengue.settings import Settings, SettingsError, read_settings
from techdengue.storage import Storage, address_of

CONNECT_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 300.0
CLOSE_SECONDS: Final = 5.0
_SPARE_INTAKE_CONNECTIONS: Final = 2
"""Beside the committers': for settling conflicts and registering devices."""
_AUDITOR_CONNECTIONS: Final = 2
"""One writes; the other is for what asks whether it could."""
_JOBS_CONNECTIONS: Final = 2
"""For starting, cancelling and trying again by hand."""
_READERS_OF_THE_FEED: Final = 2
"""The feed reads with one in so many of the reading connections, and leaves the others to requests."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Prepare = Callable[[Any], Awaitable[None]]

log = structlog.get_logger(__name__)


def create_app(settings: Settings | None = None, *, worker: int | None = None) -> "Server":
    """The server as an ASGI application; settings are read from the environment where none are given.

    `worker` is its number among several on one port; its logs carry it.
    Call it inside the running loop. Raises SettingsError.
    """
    settings = settings or read_settings()
    telemetry.configure(log_format=settings.log_format, log_level=settings.log_level, worker=worker)
    alone = worker is None
    intake_connections = grouping_of(settings, alone=alone).committers + _SPARE_INTAKE_CONNECTIONS
    intake_pool = _pool(settings, "techdengue_intake", intake_connections, PROBES, init=write_times_quickly)
    reader_pool = _pool(settings, "techdengue_reader", settings.reader_connections, BY_VALUES)
    auditor_pool = _pool(settings, AUDITOR, _AUDITOR_CONNECTIONS, {})
    jobs_pool = _pool(settings, "techdengue_jobs", _JOBS_CONNECTIONS, {})
    readers = PostgresReaders(reader_pool, intake_pool, timeout=settings.database_timeout)
    feed = _feed(readers, settings)
    dispatcher = Dispatcher(settings.redis_url)
    audit = AuditTrail(auditor_pool, timeout=settings.database_timeout)
    intake = Intake(intake_pool, settings, alone=alone, committed=feed.committed, queued=dispatcher.hint)
    storage = _storage(settings)
    reports = PostgresReports(
        reader_pool,
        jobs_pool,
        storage=storage,
        hint=dispatcher.hint,
        public_url=settings.public_url or f"http://{settings.host}:{settings.port}",
        timeout=settings.database_timeout,
    )
    services = Services(
        intake=intake,
        readers=readers,
        feed=feed,
        reports=reports,
        jobs=PostgresJobs(reader_pool, jobs_pool, dispatcher, timeout=settings.database_timeout),
        verifier=TokenVerifier(settings),
        audit=audit,
        settings=settings,
        evidence=_evidence(reader_pool, intake_pool, storage, intake, settings),
        checks={"database": lambda: _is_well(intake_pool, reader_pool), "audit": lambda: _can_be_told(auditor_pool)},
        before_metrics=ProjectionLag(readers.projections).refresh,
    )

    def end_waits() -> None:
        services.stopping.set()
        feed.stop_waiting()
        services.keeper.stop()

    return Server(
        build_app(services),
        lambda: _running(
            intake, feed, services.keeper, dispatcher, audit, storage, intake_pool, reader_pool, auditor_pool, jobs_pool
        ),
        end_waits,
    )


class Server:
    """An ASGI application that lives as long as a context.

    Its `end_waits` ends what would go on for ever: call it when the server is asked to stop, for whatever serves the
    application ends it after the last answer only.
    """

    def __init__(
        self,
        application: Application,
        life: Callable[[], contextlib.AbstractAsyncContextManager[None]],
        end_waits: Callable[[], None],
    ) -> None:
        self._application = application
        self._life = life
        self.end_waits = end_waits

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "lifespan":
            return self._live(receive, send)
        return self._application(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        event = "startup"
        try:
            async with self._life():
                await send({"type": "lifespan.startup.complete"})
                event = "shutdown"
                await receive()
        except Exception as error:
            log.exception("server_failed", during=event)
            await send({"type": f"lifespan.{event}.failed", "message": type(error).__name__})
            raise
        await send({"type": "lifespan.shutdown.complete"})


@contextlib.asynccontextmanager
async def _running(
    intake: Intake,
    feed: Feed,
    keeper: Keeper,
    dispatcher: Dispatcher,
    audit: AuditTrail,
    storage: Storage | None,
    *pools: "asyncpg.Pool[Any]",
) -> AsyncIterator[None]:
    for pool in pools:
        await pool
    try:
        opened = contextlib.nullcontext() if storage is None else storage.opened()
        async with opened, audit.running(), feed.running(), keeper.running(), dispatcher.running():
            await intake.start()
            log.info("server_started")
            try:
                yield
            finally:
                await intake.stop()
    finally:
        for pool in pools:
            await _close(pool)
        log.info("server_stopped")


async def _is_well(*pools: "asyncpg.Pool[Any]") -> None:
    """Return when the database answers every role; raise anything when not."""
    for pool in pools:
        async with pool.acquire(timeout=CONNECT_SECONDS) as connection:
            await connection.execute("SELECT FROM eventstore.lane")


async def _can_be_told(pool: "asyncpg.Pool[Any]") -> None:
    """Return when the audit trail can be written: without it nothing is read."""
    async with pool.acquire(timeout=CONNECT_SECONDS) as connection:
        await connection.execute("SELECT FROM techdengue.audit_head")


async def _close(pool: "asyncpg.Pool[Any]") -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:
        pool.terminate()


PROBES: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""The intake's two statements probe an index once for each element, whatever the statistics say: planned once."""

BY_VALUES: Final = {"plan_cache_mode": "force_custom_plan", "enable_bitmapscan": "off", "enable_seqscan": "off"}
"""A reader's statement is planned for the filters that it is given, and its pages come from an index in their order:
what the statistics take for few new events may be many (docs/decisions/0015)."""


def _evidence(
    readers: "asyncpg.Pool[Any]",
    writers: "asyncpg.Pool[Any]",
    storage: Storage | None,
    intake: Intake,
    settings: Settings,
) -> Evidence | None:
    if storage is None:
        return None
    return Evidence(readers, writers, storage, intake, acquire_seconds=settings.database_timeout)


def _storage(settings: Settings) -> Storage | None:
    address = address_of(settings)
    return None if address is None else Storage(address, attempt_seconds=settings.s3_timeout)


def _feed(readers: PostgresReaders, settings: Settings) -> Feed:
    try:
        return Feed(
            readers,
            reads_at_once=max(1, settings.reader_connections // _READERS_OF_THE_FEED),
            poll_seconds=settings.poll_seconds,
            redis_url=settings.redis_url,
        )
    except ValueError as error:
        raise SettingsError("TECHDENGUE_REDIS_URL is no address of Redis, such as redis://host:6379/0") from error


def _pool(
    settings: Settings, role: str, connections: int, planning: Mapping[str, str], *, init: Prepare | None = None
) -> "asyncpg.Pool[Any]":
    """A pool that acts as `role`, empty until it is asked; `init` is for each new connection."""
    timeout_ms = str(int(settings.database_timeout * 1000))
    return asyncpg.create_pool(
        settings.database_url,
        min_size=0,
        max_size=connections,
        timeout=CONNECT_SECONDS,
        command_timeout=settings.database_timeout,
        max_inactive_connection_lifetime=IDLE_SECONDS,
        max_cached_statement_lifetime=0,
        reset=_keep_session,
        init=init,
        server_settings={
            "role": role,
            "application_name": role,
            "jit": "off",
            "statement_timeout": timeout_ms,
            "idle_in_transaction_session_timeout": timeout_ms,
            **planning,
        },
    )


async def _keep_session(connection: Any) -> None:
    """Nothing: we set nothing that outlives a transaction, and asyncpg has rolled back what was left open.

    Its own reset would cost every request a round trip.
    """
