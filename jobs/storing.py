"""The object store as every job uses it: there, or the run comes again."""

import contextlib
import datetime as dt
from collections.abc import Iterator

from jobs.errors import Permanent, Transient
from jobs.run import Run
from techdengue.storage import Storage, StorageAway


def store_of(run: Run) -> Storage:
    """The store of the worker. Raises Permanent where the settings name none."""
    if run.services.storage is None:
        raise Permanent("no bucket is set: TECHDENGUE_S3_BUCKET")
    return run.services.storage


@contextlib.contextmanager
def store_may_be_away() -> Iterator[None]:
    """Raises Transient for a store that is away, also where only one of several calls finds out."""
    try:
        yield
    except StorageAway as error:
        raise _transient(error) from error
    except ExceptionGroup as group:
        away = group.subgroup(StorageAway)
        if away is None:
            raise
        raise _transient(_first(away)) from group


def _transient(error: BaseException) -> Transient:
    seconds = error.retry_after if isinstance(error, StorageAway) else 0
    return Transient("the object store is away", retry_after=dt.timedelta(seconds=seconds))


def _first(group: ExceptionGroup[StorageAway]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
