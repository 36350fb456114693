"""`techdengue jobs`: what runs, waits and failed; starting, cancelling and trying again, in the database itself."""

import asyncio
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .environment import server_settings
from .errors import EXIT_CODES, CommandFailed, ExitCode
from .output import progress, put, put_json, say, table

if TYPE_CHECKING:
    from jobs.model import AnyJob
    from jobs.views import JobRun, JobsOverview

ROLE = "techdengue_jobs"
POLL_SECONDS = 0.2

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `techdengue jobs list` shows it.")]
Wait = Annotated[bool, typer.Option("--wait", help="Show how far it is until it has ended; exit 1 if it failed.")]

app = typer.Typer(
    help="""Background jobs: what runs, waits and failed; start, cancel, try again.

    It reads and writes the database itself: neither API nor workers need to run.

    \b
    Examples:
      techdengue jobs list --status failed
      techdengue jobs run aggregate_sync_metrics --wait
    """,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list", epilog=EXIT_CODES)
def list_runs(
    queue: Annotated[str | None, typer.Option(help="Only of cleanup, reports or notifications.")] = None,
    job: Annotated[str | None, typer.Option(help="Only of the job of this name.")] = None,
    status: Annotated[
        str | None, typer.Option(help="Only queued, running, succeeded, failed (dead letters) or cancelled.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The newest so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Print queues, schedules and the newest runs.

    \b
    Examples:
      techdengue jobs list
      techdengue jobs list --job send_daily_digest --limit 5
      techdengue jobs list --status failed --json
    """
    from jobs import Queue, Status  # lazy: see app.py
    from jobs.queries import RunsWanted

    from .database import run as run_here

    wanted = RunsWanted(
        queue=None if queue is None else Queue(_one_of(queue, Queue, "queue")),
        job=None if job is None else _job(job).name,
        status=None if status is None else Status(_one_of(status, Status, "status")),
    )
    url = server_settings().database_url
    found = run_here(_overview(url, wanted, limit), url)
    if as_json:
        put_json(found)
    else:
        _show_overview(found)


@app.command("show", epilog=EXIT_CODES)
def show(run: RunId, as_json: AsJson = False) -> None:
    """Print one run: where it is, what it did, and why it failed.

    \b
    Examples:
      techdengue jobs show 019ac1d4-2f5e-7c31-9a83-6f0e8c2b71d5
    """
    from .database import run as run_here

    url = server_settings().database_url
    _show(run_here(_read(url, _run_id(run)), url), as_json=as_json)


@app.command("run", epilog=EXIT_CODES)
def run_job(
    name: Annotated[str, typer.Argument(metavar="JOB", help="The job's name; a wrong one is answered with all.")],
    arguments: Annotated[str, typer.Option(metavar="JSON", help='Its arguments, as {"atividade_id": "1", …}.')] = "{}",
    key: Annotated[str | None, typer.Option(help="Start one run only, however often this key is given.")] = None,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Start a job; a worker of its queue runs it.

    \b
    Examples:
      techdengue jobs run vacuum_database --wait
      techdengue jobs run auto_generate_evd01 --arguments '{"municipio_cod_ibge": "5103403", "atividade_id": "1"}'
    """
    from jobs.errors import KeyReused

    from .database import run as run_here

    job = _job(name)
    given = _arguments(job, arguments)
    settings = server_settings()
    try:
        started = run_here(_start(settings.database_url, settings.redis_url, job, given, key), settings.database_url)
    except KeyReused as error:
        raise CommandFailed(f"{error}", do="Use another --key.", code=ExitCode.REFUSED) from error
    _follow(settings.database_url, started, wait=wait, as_json=as_json)


@app.command("retry", epilog=EXIT_CODES)
def retry(run: RunId, wait: Wait = False, as_json: AsJson = False) -> None:
    """Try a dead letter, or a cancelled run, again with as many attempts as a new one.

    \b
    Examples:
      techdengue jobs retry 019ac1d4-2f5e-7c31-9a83-6f0e8c2b71d5 --wait
    """
    from .database import run as run_here

    settings, run_id = server_settings(), _run_id(run)
    run_here(_retry(settings.database_url, settings.redis_url, run_id), settings.database_url)
    _follow(settings.database_url, run_id, wait=wait, as_json=as_json)


@app.command("cancel", epilog=EXIT_CODES)
def cancel(run: RunId, wait: Wait = False, as_json: AsJson = False) -> None:
    """Cancel a run: at once where it waits, within seconds where it works. What it did stays.

    \b
    Examples:
      techdengue jobs cancel 019ac1d4-2f5e-7c31-9a83-6f0e8c2b71d5
    """
    from .database import run as run_here

    url, run_id = server_settings().database_url, _run_id(run)
    run_here(_cancel(url, run_id), url)
    _follow(url, run_id, wait=wait, as_json=as_json, cancelled=True)


def _follow(url: str, run_id: uuid.UUID, *, wait: bool, as_json: bool, cancelled: bool = False) -> None:
    from jobs import Status

    from .database import run as run_here

    run = run_here(_ended(url, run_id) if wait else _read(url, run_id), url)
    _show(run, as_json=as_json)
    if wait and run.status is not Status.SUCCEEDED and not (cancelled and run.status is Status.CANCELLED):
        raise CommandFailed(
            f"{run.job} {run.status.value}{f': {run.error}' if run.error else ''}",
            do=f"Mend the cause; `techdengue jobs retry {run.run_id}` tries it again.",
        )


async def _overview(url: str, wanted: Any, limit: int) -> "JobsOverview":
    from jobs.catalogue import JOBS
    from jobs.queries import overview
    from projections.queries import territory

    from .database import connected

    async with connected(url, "techdengue_reader") as connection, territory(connection, frozenset("*")) as reader:
        return await overview(reader, JOBS, wanted, limit=limit)


async def _read(url: str, run_id: uuid.UUID) -> "JobRun":
    from jobs.queries import read_run
    from projections.queries import territory

    from .database import connected

    async with connected(url, "techdengue_reader") as connection, territory(connection, frozenset("*")) as reader:
        run = await read_run(reader, run_id)
    if run is None:
        raise CommandFailed(f"there is no run {run_id}", do="`techdengue jobs list` shows the newest.")
    return run


async def _ended(url: str, run_id: uuid.UUID) -> "JobRun":
    """The run once it has ended, with a bar until then."""
    run = await _read(url, run_id)
    await _warn_of_no_worker(url, run)
    with progress(f"{run.job}, {run.status.value}") as advance:
        while run.finished_at is None:
            if run.progress is not None:
                advance(run.progress["done"], run.progress["total"])
            await asyncio.sleep(POLL_SECONDS)
            run = await _read(url, run_id)
    return run


async def _warn_of_no_worker(url: str, run: "JobRun") -> None:
    from jobs.queries import RunsWanted

    found = await _overview(url, RunsWanted(queue=run.queue), limit=1)
    if run.finished_at is None and not any(depth.workers for depth in found.queues if depth.queue is run.queue):
        say(f"no worker serves {run.queue.value}: it waits for `techdengue worker {run.queue.value}`")


async def _start(url: str, redis_url: str, job: "AnyJob", arguments: Any, key: str | None) -> uuid.UUID:
    from jobs import Dispatcher
    from jobs.requests import start

    from .database import connected

    dispatcher = Dispatcher(redis_url)
    async with connected(url, ROLE) as connection, dispatcher.running():
        run_id = await start(connection, job, arguments, requested_by=_person(), key=key)
        dispatcher.hint([job.queue])
    return run_id


async def _retry(url: str, redis_url: str, run_id: uuid.UUID) -> None:
    from jobs import Dispatcher
    from jobs.requests import retry as try_again

    from .database import connected

    run = await _read(url, run_id)
    dispatcher = Dispatcher(redis_url)
    async with connected(url, ROLE) as connection, dispatcher.running():
        if not await try_again(connection, run_id, run.job):
            raise CommandFailed(
                f"the run is {run.status.value}, and only failed and cancelled ones are tried again",
                do=f"Start another: `techdengue jobs run {run.job}`.",
            )
        dispatcher.hint([run.queue])


async def _cancel(url: str, run_id: uuid.UUID) -> None:
    from jobs.requests import cancel as cancel_it

    from .database import connected

    run = await _read(url, run_id)
    async with connected(url, ROLE) as connection:
        if await cancel_it(connection, run_id) is None:
            raise CommandFailed(f"the run is {run.status.value} already: there is nothing left to cancel")


def _person() -> str:
    import getpass

    return f"cli:{getpass.getuser()}"


def _job(name: str) -> "AnyJob":
    from jobs.catalogue import JOBS

    _one_of(name, JOBS, "job")
    return JOBS[name]


def _one_of(word: str, known: Any, what: str) -> str:
    names = [str(each) for each in known]
    if word not in names:
        raise CommandFailed(f"there is no {what} {word}", do=f"There are {', '.join(names)}.", code=ExitCode.USAGE)
    return word


def _arguments(job: "AnyJob", text: str) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(text, type=job.arguments)
    except msgspec.DecodeError as error:
        names = ", ".join(job.arguments.__struct_fields__) or "none"
        raise CommandFailed(
            f"{job.name} does not take these arguments: {error}", do=f"It takes {names}.", code=ExitCode.USAGE
        ) from error


def _run_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise CommandFailed(
            f"{text!r} is no run's id", do="`techdengue jobs list` shows them.", code=ExitCode.USAGE
        ) from error


def _show_overview(found: "JobsOverview") -> None:
    heads = ["queue", "due", "waiting", "running", "dead letters", "oldest (s)", "workers"]
    counts: list[Callable[[Any], object]] = [
        lambda q: q.queue.value,
        lambda q: q.due,
        lambda q: q.waiting,
        lambda q: q.running,
        lambda q: q.failed,
        lambda q: f"{q.oldest_seconds:.0f}",
        lambda q: q.workers,
    ]
    table(heads, [[str(count(depth)) for count in counts] for depth in found.queues])
    if found.schedules:
        put("")
        heads = ["job", "when (Cuiabá)", "last success", "next"]
        table(heads, [[s.job, s.times, _moment(s.last_success_at), _moment(s.next_due_at)] for s in found.schedules])
    put("")
    heads = ["run", "job", "status", "attempts", "due", "took (s)", "what"]
    table(heads, [_row(run) for run in found.items])
    if found.has_more:
        say(f"the newest {len(found.items)}; --limit shows more")


def _row(run: "JobRun") -> list[str]:
    what = run.error or ", ".join(f"{name} {count}" for name, count in run.counts.items()) or "-"
    return [
        run.run_id,
        run.job,
        "cancelling" if run.cancel_requested else run.status.value,
        f"{run.attempts}/{run.max_attempts}",
        _moment(run.due_at),
        _seconds(run),
        what,
    ]


def _show(run: "JobRun", *, as_json: bool) -> None:
    if as_json:
        put_json(run)
        return
    shown = {name: getattr(run, name) for name in run.__struct_fields__}
    rows = [[name, "-" if value is None else _text(value)] for name, value in shown.items()]
    table(["field", "value"], [*rows, ["took (s)", _seconds(run)]])


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items()) or "-"
    return str(getattr(value, "value", value))


def _seconds(run: "JobRun") -> str:
    import datetime as dt

    if run.started_at is None or run.finished_at is None:
        return "-"
    began, ended = dt.datetime.fromisoformat(run.started_at), dt.datetime.fromisoformat(run.finished_at)
    return f"{(ended - began).total_seconds():.1f}"


def _moment(text: str | None) -> str:
    return "-" if text is None else f"{text[:19]}Z"
