"""`techdengue projections`: the tables that follow the log: how far they are, keep them going, rebuild, verify."""

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from .collecting import collect_rarely
from .environment import server_settings
from .errors import EXIT_CODES, CommandFailed, ExitCode
from .output import progress, put, put_json, say, table

if TYPE_CHECKING:
    from projections.model import ProjectionStatus, Verification

ROLE = "techdengue_projector"
SHOWN_DIFFERENCES = 20

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(
    help="""The tables that follow the log: how far they are, keep them going, rebuild, verify.

    \b
    Examples:
      techdengue projections status
      techdengue projections verify
    """,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("status", epilog=EXIT_CODES)
def status(as_json: AsJson = False) -> None:
    """Print how far each projection has followed the log, and how old the first event is that it lacks.

    \b
    Examples:
      techdengue projections status
      techdengue projections status --json
    """
    from .database import run as run_here

    url = server_settings().database_url
    found = run_here(_status(url), url)
    if as_json:
        put_json(found)
        return
    heads = ["projection", "position", "of", "lag (events)", "lag (s)"]
    table(heads, [[s.name, str(s.position), str(s.tail), str(s.lag_events), f"{s.lag_seconds:.1f}"] for s in found])


@app.command("run", epilog=EXIT_CODES)
def run() -> None:
    """Follow the log and keep every projection up to date, until SIGTERM or Ctrl-C.

    Start as many as you like: one works, the others stand by. A database that goes away is waited for.

    \b
    Examples:
      techdengue projections run
    """
    from eventstore import GapInLog
    from projections import ReplayDiverged  # lazy: see app.py
    from techdengue import telemetry

    from .database import run as run_here

    settings = server_settings()
    telemetry.configure(log_format=settings.log_format, log_level=settings.log_level)
    collect_rarely()
    try:
        run_here(_follow(settings.database_url), settings.database_url)
    except (GapInLog, ReplayDiverged) as error:
        raise CommandFailed(
            f"the log is not what it was, so nothing is projected beyond it: {error}",
            do="Restore the log from a backup; `techdengue projections verify` tells what differs.",
        ) from error


@app.command("rebuild", epilog=EXIT_CODES)
def rebuild(
    name: Annotated[str, typer.Argument(help="The projection, as `techdengue projections status` names it.")],
) -> None:
    """Build a projection anew from the log beside the live table, and let it take its place.

    Readers and the projector go on meanwhile. Interrupted or failed, the live table is as it was.

    \b
    Examples:
      techdengue projections rebuild atividade
    """
    from projections import PROJECTIONS, RebuildRunning

    from .database import run as run_here

    _check_names([name], tuple(PROJECTIONS))
    url = server_settings().database_url
    collect_rarely()
    try:
        position = run_here(_rebuild(url, name), url)
    except RebuildRunning as error:
        raise CommandFailed(str(error), do="Wait for it to end.") from error
    put(f"{name} holds the log up to position {position}")


@app.command("verify", epilog=EXIT_CODES)
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="What to verify; everything when not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute projections and heads anew from the log and compare; exit 1 when something differs.

    Nothing is changed, and everything may go on meanwhile.

    \b
    Examples:
      techdengue projections verify
      techdengue projections verify heads atividade --json
    """
    from projections import VERIFIABLE

    from .database import run as run_here

    wanted = tuple(names or VERIFIABLE)
    _check_names(wanted, VERIFIABLE)
    url = server_settings().database_url
    collect_rarely()
    found = run_here(_verify(url, wanted), url)
    if as_json:
        put_json(found)
    else:
        _show(found)
    if differing := [one.name for one in found if one.differing]:
        raise CommandFailed(
            f"{', '.join(differing)} differs from the log",
            do="`techdengue projections rebuild NAME` makes a projection anew. Heads are the server's own: report it.",
        )


async def _status(url: str) -> "list[ProjectionStatus]":
    from projections import status as read

    from .database import connected

    async with connected(url, ROLE) as connection:
        return await read(connection)


async def _follow(url: str) -> None:
    from projections import run as follow

    from .database import pooled

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with pooled(url, ROLE) as pool:
        await follow(pool, stop)


async def _rebuild(url: str, name: str) -> int:
    from projections import rebuild as build

    from .database import connected

    async with connected(url, ROLE) as connection:
        with progress(f"rebuilding {name}") as advance:
            return await build(connection, name, advance)


async def _verify(url: str, names: tuple[str, ...]) -> "list[Verification]":
    from projections import ReplayDiverged
    from projections import verify as check

    from .database import connected

    found = []
    async with connected(url, ROLE) as connection:
        for name in names:
            try:
                with progress(f"verifying {name}") as advance:
                    found.append(await check(connection, name, advance))
            except ReplayDiverged as error:
                raise CommandFailed(
                    f"{name} cannot be verified, for the log does not replay as it was recorded: {error}",
                    do="`techdengue projections verify heads` tells which entities differ.",
                ) from error
    return found


def _check_names(names: tuple[str, ...] | list[str], known: tuple[str, ...]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CommandFailed(
            f"there is no projection {', '.join(unknown)}", do=f"There are {', '.join(known)}.", code=ExitCode.USAGE
        )


def _show(found: "list[Verification]") -> None:
    rows = [[one.name, str(one.position), str(one.rows), str(one.differing)] for one in found]
    table(["projection", "position", "rows", "differing"], rows)
    for one in found:
        for difference in one.differences[:SHOWN_DIFFERENCES]:
            say(f"  {one.name}: {difference.key} {difference.reason}")
        if one.differing > SHOWN_DIFFERENCES:
            say(f"  … {one.differing} differences in {one.name}; --json lists more")
