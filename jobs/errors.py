"""What a job may raise, and what it means for its run.

JobError
├── Transient    tried again by the job's policy, no sooner than `retry_after`
├── Permanent    a dead letter at once: trying again would fail again
├── Cancelled    somebody asked for it; raised by `Run.progress`
├── LeaseLost    the run is another worker's by now; raised by `Run.progress`
└── KeyReused    of whoever starts a run: the key names one with other arguments

The message of any of them is stored with the run: a short sentence without people's data. Of every other exception only
the type is stored; it is tried again by the policy.
"""

import datetime as dt


class JobError(Exception):
    """The message is stored with the run."""


class Transient(JobError):
    """It may work later: a service was away, or said when to come again."""

    def __init__(self, message: str, *, retry_after: dt.timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Permanent(JobError):
    """It will never work: the run becomes a dead letter."""


class Cancelled(JobError):
    """Somebody asked to cancel the run."""


class KeyReused(JobError):
    """The key of a request names a run with other arguments already."""


class LeaseLost(JobError):
    """The run was not renewed for so long that another worker may have it."""
