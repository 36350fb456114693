"""What people do with jobs by hand: start a run, cancel one, try a dead letter again."""

import uuid
from typing import Final

import msgspec
from asyncpg import Connection

from .catalogue import JOBS
from .enqueue import enqueue
from .errors import KeyReused
from .model import A, Job, Origin, Status
from .statements import CANCEL, READ_ARGUMENTS, RETRY

_ATTEMPTS_OF_THE_UNKNOWN: Final = 5


async def start(
    connection: Connection, job: Job[A], arguments: A, *, requested_by: str, key: str | None = None
) -> uuid.UUID:
    """Queue a run; answer its id, or of the run that this user has started with this key. Raises KeyReused.

    Its município is the arguments' `municipio_cod_ibge`, where they have one.
    """
    async with connection.transaction():
        run_id = await enqueue(
            connection,
            job,
            arguments,
            key=None if key is None else _key_of(requested_by, key),
            origin=Origin.REQUEST,
            requested_by=requested_by,
            municipio=getattr(arguments, "municipio_cod_ibge", None),
        )
        if key is not None:
            stored = msgspec.json.decode(await connection.fetchval(READ_ARGUMENTS, run_id), type=job.arguments)
            if stored != arguments:
                raise KeyReused("the key names a run with other arguments")
    return run_id


def _key_of(user: str, key: str) -> str:
    """Either may hold a slash: with the user's length in front, no two of them make one key."""
    return f"request/{len(user)}/{user}/{key}"


async def cancel(connection: Connection, run_id: uuid.UUID) -> Status | None:
    """A queued run is cancelled at once, a running one ends within seconds; None where it has ended already.

    Answers the status that it has now.
    """
    status = await connection.fetchval(CANCEL, run_id)
    return None if status is None else Status(status)


async def retry(connection: Connection, run_id: uuid.UUID, job: str) -> bool:
    """Queue a dead letter or a cancelled run again, with as many attempts as a new one; whether it was one."""
    known = JOBS.get(job)
    attempts = _ATTEMPTS_OF_THE_UNKNOWN if known is None else known.retry.attempts
    return await connection.fetchval(RETRY, run_id, attempts) is not None
