"""Background work: runs queued in PostgreSQL, dispatched through arq, each wrapped once.

A job is declared with `Job`, lives in a module of its own, and is listed in `jobs.catalogue`; when it runs by itself is
in `jobs.schedule`. `enqueue` queues a run in the caller's transaction; `Dispatcher` tells workers that there is one.
What runs them is `jobs.worker`, what lists them `jobs.queries`.
"""

from .dispatch import Dispatcher
from .enqueue import enqueue
from .errors import Cancelled, JobError, LeaseLost, Permanent, Transient
from .model import Job, NoArguments, Origin, Queue, RetryPolicy, Status
from .run import Run
from .services import JobServices

__all__ = [
    "Cancelled",
    "Dispatcher",
    "Job",
    "JobError",
    "JobServices",
    "LeaseLost",
    "NoArguments",
    "Origin",
    "Permanent",
    "Queue",
    "RetryPolicy",
    "Run",
    "Status",
    "Transient",
    "enqueue",
]
