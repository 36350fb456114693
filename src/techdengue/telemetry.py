"""Every metric that the product emits is declared here, and nowhere else; so is the shape of its logs.

Names are those of the dashboards and alert rules; labels come from closed sets.
"""

import functools
import logging
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any, Final

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE_LATEST
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    gc_collector,
    platform_collector,
    process_collector,
)
from prometheus_client.exposition import generate_latest

REGISTRY: Final = CollectorRegistry(auto_describe=True)
process_collector.ProcessCollector(registry=REGISTRY)
platform_collector.PlatformCollector(registry=REGISTRY)
gc_collector.GCCollector(registry=REGISTRY)

_LATENCY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_DEEPEST_PLACES = 12
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

BUILD_INFO = Info("techdengue_build", "The version that runs", registry=REGISTRY)

HTTP_REQUESTS = Counter(
    "http_requests_total",
    "Requests answered, by route template (`unmatched`: no such address)",
    ("method", "route", "status_code"),
    registry=REGISTRY,
)
HTTP_REQUEST_DURATION = Histogram(
    "http_request_duration_seconds",
    "From the first byte of the request to the last of the answer",
    ("method", "route"),
    buckets=_LATENCY_SECONDS,
    registry=REGISTRY,
)
HTTP_REQUESTS_IN_FLIGHT = Gauge("http_requests_in_flight", "Requests being answered", registry=REGISTRY)

SYNC_OPERATIONS = Counter(
    "sync_operations_total",
    "Operations answered; `outcome` is an outcome, an error code, or `already_processed`",
    ("entity_type", "operation", "outcome"),
    registry=REGISTRY,
)
SYNC_CONFLICTS = Counter(
    "sync_conflicts_total",
    "Conflicts found, by what met what and the strategy that settled or parked them",
    ("conflict_type", "strategy"),
    registry=REGISTRY,
)
SYNC_BATCH_SIZE = Histogram("sync_batch_size", "Operations in a request", buckets=_SIZES, registry=REGISTRY)
SYNC_PROCESSING_DURATION = Histogram(
    "sync_processing_duration_seconds",
    "From a batch's arrival to its commit",
    buckets=_LATENCY_SECONDS,
    registry=REGISTRY,
)
EVENTSTORE_APPEND_DURATION = Histogram(
    "eventstore_append_duration_seconds",
    "One append statement, commit included",
    buckets=_LATENCY_SECONDS,
    registry=REGISTRY,
)
EVENTSTORE_GROUP_SIZE = Histogram(
    "eventstore_group_size", "Operations committed together", buckets=_SIZES, registry=REGISTRY
)
PROJECTION_LAG_EVENTS = Gauge(
    "projection_lag_events", "Events of the log not yet applied", ("projection",), registry=REGISTRY
)
PROJECTION_LAG_SECONDS = Gauge(
    "projection_lag_seconds", "Age of the oldest event not yet applied", ("projection",), registry=REGISTRY
)

FEED_WAITING = Gauge("feed_waiting", "Streams and requests that wait for changes", registry=REGISTRY)
FEED_WAKE_UPS = Counter(
    "feed_wake_ups_total",
    "Commits heard of: of this process, of another one by Redis, or missed and found by a look at the log's tail",
    ("source",),
    registry=REGISTRY,
)
FEED_READS = Counter(
    "feed_reads_total",
    "Reads of changes for those who wait: a query made, one joined, or a page kept from before",
    ("how",),
    registry=REGISTRY,
)


def exposition() -> bytes:
    """All metrics, in Prometheus' text format (`CONTENT_TYPE_LATEST`)."""
    return generate_latest(REGISTRY)


def configure(*, log_format: str, log_level: str, worker: int | None = None) -> None:
    """Set up logs (`json`: one object a line; else for people) on stdout, and the build info. Once, at the start.

    With `worker`, every line carries the number.
    """
    BUILD_INFO.info({"version": metadata.version("techdengue")})
    level = logging.getLevelNamesMapping()[log_level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        tell_failure,
    ]
    if worker is not None:
        shared.append(functools.partial(_add_worker, worker))
    if log_format == "json":
        ending: list[Any] = [structlog.processors.JSONRenderer(serializer=_to_json)]
        factory: Any = structlog.BytesLoggerFactory(sys.stdout.buffer)
    else:
        ending = [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
        factory = structlog.PrintLoggerFactory(sys.stdout)
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_OfLibraries()])


def _add_worker(worker: int, _logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    return event if "worker" in event else {**event, "worker": worker}


class _OfLibraries(logging.Handler):
    """What libraries log, in our shape: who and where. Never the message, for the reason that `tell_failure` gives."""

    def emit(self, record: logging.LogRecord) -> None:
        place = f"{record.filename}:{record.lineno} {record.funcName}"
        structlog.get_logger().log(
            record.levelno, "library_logged", library=record.name, place=place, exc_info=record.exc_info
        )


def tell_failure(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """`exc_info` as where it failed and of which type, with its causes.

    Never the message or a local variable: they hold what people sent, and a log is read by those who may not.
    """
    told = event.pop("exc_info", None)
    error = sys.exc_info()[1] if told is True else told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        event["error"], event["trace"] = type(error).__qualname__, _places(error)
        if causes := [_named(cause) for cause in _causes(error)]:
            event["causes"] = causes
        if sqlstate := getattr(error, "sqlstate", None):
            event["sqlstate"] = sqlstate
    return event


def _places(error: BaseException) -> list[str]:
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-_DEEPEST_PLACES:]


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    cause = error.__cause__ or error.__context__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _named(cause: BaseException) -> str:
    places = _places(cause)
    return f"{type(cause).__qualname__} at {places[-1]}" if places else type(cause).__qualname__


def _to_json(event: dict[str, Any], **_options: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)
