"""Runs, queues and schedules as the API and the command line show them. Times are RFC 3339, UTC."""

from collections.abc import Mapping
from typing import Any

import msgspec

from .model import Origin, Queue, Status


class JobRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `due_at` is when it was to run, `next_at` when it may be tried next; `counts` is what it did."""

    run_id: str
    job: str
    queue: Queue
    status: Status
    origin: Origin
    requested_by: str | None
    municipio_cod_ibge: str | None
    arguments: Mapping[str, Any]
    attempts: int
    max_attempts: int
    due_at: str
    next_at: str
    queued_at: str
    started_at: str | None
    finished_at: str | None
    worker: str | None
    error: str | None
    counts: Mapping[str, int]
    progress: Mapping[str, Any] | None
    cancel_requested: bool


class QueueDepth(msgspec.Struct, frozen=True, kw_only=True):
    """What waits in a queue, of what the caller may see; `workers` have been heard of within a minute."""

    queue: Queue
    due: int
    waiting: int
    running: int
    failed: int
    oldest_seconds: float
    workers: int


class JobSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """When a job runs by itself. Nobody has scheduled it yet where `last_due_at` is null."""

    job: str
    queue: Queue
    summary: str
    times: str
    """For people, in America/Cuiaba: `daily 02:00`."""
    last_due_at: str | None
    last_success_at: str | None
    last_success: str | None
    next_due_at: str


class JobsOverview(msgspec.Struct, frozen=True, kw_only=True):
    """A page of runs, the newest first, with all queues and schedules."""

    items: list[JobRun]
    next_cursor: str | None
    has_more: bool
    queues: list[QueueDepth]
    schedules: list[JobSchedule]
