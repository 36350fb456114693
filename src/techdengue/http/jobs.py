"""Endpoints of background jobs: what ran, waits and is due; starting, cancelling, trying again."""

import uuid
from typing import Annotated, Any

import msgspec
from litestar.response.base import ASGIResponse

from jobs import Queue, Status
from jobs.errors import KeyReused
from jobs.model import AnyJob
from jobs.queries import RunsWanted
from jobs.views import JobRun
from techdengue.domain.access import Role

from .call import Call
from .problems import Problem
from .reading import Limit, Municipio
from .roles import require

_LONGEST_NAME = 64
_LONGEST_KEY = 255


class JobsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `GET /api/jobs`."""

    queue: Queue | None = None
    job: Annotated[str, msgspec.Meta(max_length=_LONGEST_NAME)] | None = None
    status: Status | None = None
    municipio: Municipio | None = None
    cursor: str | None = None
    limit: Limit = 100


class JobStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/jobs/{id}`. `arguments` are the job's own; the same key starts one run."""

    arguments: dict[str, Any] = {}
    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_KEY)] | None = None


async def list_jobs(call: Call) -> ASGIResponse:
    """`GET /api/jobs`."""
    wanted = call.query(JobsQuery)
    if wanted.municipio is not None and not call.caller.may_touch(wanted.municipio):
        why = f"your token does not name município {wanted.municipio}"
        raise Problem("invalid_parameter", why, path="/municipio")
    if wanted.municipio is not None:
        call.concerns(wanted.municipio)
    runs = RunsWanted(queue=wanted.queue, job=wanted.job, status=wanted.status, municipio=wanted.municipio)
    return await call.answer(
        await call.services.jobs.overview(call.caller, runs, cursor=wanted.cursor, limit=wanted.limit)
    )


async def read_run(call: Call) -> ASGIResponse:
    """`GET /api/jobs/{id}`."""
    return await call.answer(await _seen(call))


async def start_job(call: Call) -> ASGIResponse:
    """`POST /api/jobs/{id}`, the id being a job's name: 202 with the run."""
    name = call.path("id")
    job = call.services.jobs.catalogue.get(name)
    if job is None:
        raise Problem("job_not_found", "There is no job of this name")
    require(call.caller, job.least_role)
    sent = await call.read_as(JobStart, "a start")
    if sent.idempotency_key is not None and "\x00" in sent.idempotency_key:
        raise Problem("invalid_body", "A key has 1 to 255 characters, none of them NUL", path="/idempotency_key")
    arguments = _arguments(job, sent.arguments)
    _check_territory(call, job, arguments)
    try:
        run = await call.services.jobs.start(call.caller, job, arguments, key=sent.idempotency_key)
    except KeyReused as error:
        raise Problem("idempotency_key_reused", "This key started a run with other arguments") from error
    return await call.answer(run, status=202)


async def cancel_run(call: Call) -> ASGIResponse:
    """`POST /api/jobs/{id}/cancel`: 202 with the run as it is now."""
    run = await _seen(call)
    if not await call.services.jobs.cancel(uuid.UUID(run.run_id)):
        raise Problem("run_ended", f"The run is {run.status.value} already")
    return await call.answer(await _seen(call), status=202)


async def retry_run(call: Call) -> ASGIResponse:
    """`POST /api/jobs/{id}/retry`: 202 with the run, queued again."""
    run = await _seen(call)
    if not await call.services.jobs.retry(uuid.UUID(run.run_id), run.job):
        raise Problem("run_not_retryable", f"The run is {run.status.value}; failed and cancelled ones are tried again")
    return await call.answer(await _seen(call), status=202)


async def _seen(call: Call) -> JobRun:
    try:
        run_id = uuid.UUID(call.path("id"))
    except ValueError as error:
        raise Problem("run_not_found", "A run's id is a UUID") from error
    run: JobRun | None = await call.services.jobs.run(call.caller, run_id)
    if run is None:
        raise Problem("run_not_found", "No such run in the token's municípios")
    if run.municipio_cod_ibge is not None:
        call.concerns(run.municipio_cod_ibge)
    return run


def _arguments(job: AnyJob, sent: dict[str, Any]) -> Any:
    try:
        if job.by_hand is not None:
            msgspec.convert(sent, job.by_hand)
        return msgspec.convert(sent, job.arguments)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        path = "/arguments" + where.rstrip("`").replace(".", "/").replace("[", "/").replace("]", "")
        raise Problem("invalid_body", f"{job.name} does not take this: {message}", path=path) from error


def _check_territory(call: Call, job: AnyJob, arguments: Any) -> None:
    municipio = getattr(arguments, "municipio_cod_ibge", None)
    if municipio is None:
        require(call.caller, Role.ADMIN)
        if not call.caller.sees_everything:
            raise Problem("forbidden_territory", "This is for every município; the token names some")
    elif not call.caller.may_touch(municipio):
        why = f"your token does not name município {municipio[:7]}"
        raise Problem("invalid_body", why, path="/arguments/municipio_cod_ibge")
    else:
        call.concerns(municipio)
