"""Every metric that the product emits is declared here, and nowhere else; so is the shape of its logs.

Names are those of the dashboards and alert rules; labels come from closed sets.
"""

import functools
import logging
import sys
from collections.abc import Iterable, Iterator
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
    Metric,
    disable_created_metrics,
    gc_collector,
    platform_collector,
    process_collector,
    values,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from techdengue import shared_values

values.ValueClass = shared_values.Value  # metrics ask it for their numbers
disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs; it would tell of one process only

REGISTRY: Final = CollectorRegistry(auto_describe=True)
_OF_ONE_PROCESS: Final = (
    process_collector.ProcessCollector(registry=REGISTRY),
    gc_collector.GCCollector(registry=REGISTRY),
)
platform_collector.PlatformCollector(registry=REGISTRY)

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

SOCKETS_OPEN = Gauge("sync_sockets_open", "WebSockets of devices that are open", registry=REGISTRY)
STREAMS_OPEN = Gauge("sync_streams_open", "Operation logs of devices that are streaming in", registry=REGISTRY)
SOCKETS_CLOSED = Counter(
    "sync_sockets_closed_total",
    "WebSockets that ended, by close code",
    ("code",),
    registry=REGISTRY,
)

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
EVENTSTORE_REMEMBERED = Counter(
    "eventstore_groups_remembered",
    "Groups that were decided on what the process remembered, without a read",
    registry=REGISTRY,
)
PROJECTION_LAG_EVENTS = Gauge(
    "projection_lag_events",
    "Events of the log not yet applied",
    ("projection",),
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
PROJECTION_LAG_SECONDS = Gauge(
    "projection_lag_seconds",
    "Age of the oldest event not yet applied",
    ("projection",),
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
WORKER_RESTARTS = Counter(
    "techdengue_worker_restarts_total", "Times that a worker ended by itself", ("worker",), registry=REGISTRY
)

FEED_WAITING = Gauge("feed_waiting", "Streams and requests that wait for changes", registry=REGISTRY)
FEED_WAKE_UPS = Counter(
    "feed_wake_ups_total",
    "Commits heard of: of this process, of another one by Redis, or missed and found by a look at the log's tail",
    ("source",),
    registry=REGISTRY,
)
FEED_REDIS_CONNECTED = Gauge(
    "feed_redis_connected", "Processes that hear of each other's commits through Redis", registry=REGISTRY
)
FEED_REDIS_FAILURES = Counter(
    "feed_redis_failures_total",
    "Times that Redis was lost or not found, and messages that were none",
    registry=REGISTRY,
)
FEED_READS = Counter(
    "feed_reads_total",
    "Reads of changes for those who wait: a query made, one joined, or a page kept from before",
    ("how",),
    registry=REGISTRY,
)

S3_REQUESTS = Counter(
    "s3_requests_total",
    "Calls of the object store, each attempt, by what became of it: ok, missing, refused, unavailable, timeout",
    ("operation", "outcome"),
    registry=REGISTRY,
)
_JOB_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
JOB_RUNS = Counter(
    "job_runs_total",
    "Attempts that ended: succeeded, retried, failed (a dead letter), cancelled, handed_back, lost",
    ("queue", "job", "outcome"),
    registry=REGISTRY,
)
JOB_DURATION = Histogram(
    "job_duration_seconds", "One attempt", ("queue", "job"), buckets=_JOB_SECONDS, registry=REGISTRY
)
JOB_START_DELAY = Histogram(
    "job_start_delay_seconds",
    "From when a run could start to its start",
    ("queue",),
    buckets=(*_LATENCY_SECONDS, 30.0, 60.0, 300.0),
    registry=REGISTRY,
)
JOB_QUEUE_DEPTH = Gauge(
    "job_queue_depth",
    "Runs of the table: due, waiting (for their time or a retry), running, failed (dead letters)",
    ("queue", "state"),
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
JOB_QUEUE_OLDEST = Gauge(
    "job_queue_oldest_seconds",
    "For how long the oldest due run could have started; 0 where none is due",
    ("queue",),
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
JOB_HINTS = Counter("job_hints_total", "Hints given to workers through Redis", ("queue",), registry=REGISTRY)
JOB_HINT_FAILURES = Counter(
    "job_hint_failures_total", "Times that Redis was lost or not found by who hints or hears", registry=REGISTRY
)
WORKER_HEARTBEAT = Gauge(
    "worker_heartbeat_timestamp_seconds", "When a worker last said that it lives", ("worker",), registry=REGISTRY
)
OUTBOX_PENDING = Gauge(
    "outbox_pending",
    "Runs that follow from commits and have not ended",
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
OUTBOX_OLDEST = Gauge(
    "outbox_oldest_seconds",
    "Age of the oldest run that follows from a commit and has not ended; 0 where there is none",
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
PUSH_MESSAGES = Counter(
    "push_messages_total",
    "Messages to devices, by what became of sending them (docs/push.md); one that is tried again counts each time",
    ("outcome",),
    registry=REGISTRY,
)
PUSH_REQUEST_DURATION = Histogram(
    "push_request_duration_seconds",
    "From a message's request to FCM to its answer",
    buckets=_LATENCY_SECONDS,
    registry=REGISTRY,
)
AUDIT_ENTRIES = Counter(
    "audit_entries_total",
    "Entries of the audit trail that are on disk, by what was done and how it ended",
    ("action", "outcome"),
    registry=REGISTRY,
)
AUDIT_FAILURES = Counter(
    "audit_failures_total",
    "Times that entries could not be written or told of, by why",
    ("reason",),
    registry=REGISTRY,
)
AUDIT_LOST = Counter("audit_entries_lost_total", "Denials that nothing was written of", registry=REGISTRY)
AUDIT_FORWARDED = Counter(
    "audit_entries_forwarded_total", "Entries sent to the collector, repeats included", registry=REGISTRY
)
AUDIT_PENDING = Gauge("audit_pending_entries", "Entries that the collector does not have yet", registry=REGISTRY)
AUDIT_PENDING_SECONDS = Gauge(
    "audit_pending_seconds", "Age of the oldest entry that the collector does not have yet", registry=REGISTRY
)

EVIDENCE_UPLOADS = Counter(
    "evidence_uploads_total",
    "Uploads of evidence: begun, resumed, given_up, verified, refused_size, refused_hash, refused_type",
    ("outcome",),
    registry=REGISTRY,
)


def exposition() -> bytes:
    """All metrics, in Prometheus' text format (`CONTENT_TYPE_LATEST`)."""
    if _Shared.board is not None:
        _know_labels_of_all(_Shared.board)
    return generate_latest(REGISTRY)


class _Shared:
    board: shared_values.Board | None = None


def share(board: shared_values.Board, number: int) -> None:
    """From now on this process counts in its column of the board, and `exposition` tells of all of them.

    Counters, histograms and gauges are sums; a gauge of mode `mostrecent` is this process's own.
    """
    if _Shared.board is None:
        for collector in _OF_ONE_PROCESS:
            REGISTRY.unregister(collector)
        REGISTRY.register(_ProcessesCollector(board))
    _Shared.board = board
    shared_values.join(board, number)


def _know_labels_of_all(board: shared_values.Board) -> None:
    """Have a child metric here for all labels that any process has counted under: it finds the sum by itself."""
    ours = [metric for metric in globals().values() if isinstance(metric, MetricWrapperBase)]
    by_name = {family.name: metric for metric in ours for family in metric.describe()}
    for key in board.counted():
        if key.labels and not key.sample.endswith("_bucket"):
            by_name[key.metric].labels(*key.labels)


class _ProcessesCollector(Collector):
    """The `process_*` figures of every process of the server, by `worker`."""

    def __init__(self, board: shared_values.Board) -> None:
        self._board = board
        self._pid = 0
        self._one = process_collector.ProcessCollector(pid=lambda: self._pid, registry=None)

    def collect(self) -> Iterable[Metric]:
        """Their families, each with a sample for each process."""
        found: dict[str, Metric] = {}
        for number, column in enumerate(self._board.columns):
            self._pid = column.pid
            label = {"worker": str(number) if number else "parent"}
            for family in self._one.collect() if self._pid else ():
                merged = found.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                merged.samples += [sample._replace(labels=label) for sample in family.samples]
        return found.values()


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
