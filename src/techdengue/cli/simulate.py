"""`techdengue simulate`: devices that go offline, have wrong clocks and bad links, against a real server."""

import asyncio
import contextlib
import resource
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import CommandFailed, ExitCode
from .output import progress, put_json, say, table
from .transport import Transport

if TYPE_CHECKING:
    from techdengue.client.simulator import Simulation, SimulationStats

SETTLE_SECONDS = 10.0
_OTHER_FILES = 200
"""Open files besides the devices' connections: those of the pushes at the end, and the process's own."""
CUIABA = "5103403"


def simulate(
    devices: Annotated[int, typer.Option(min=1, max=10_000, help="How many devices work.")] = 3,
    transport: Annotated[
        Transport, typer.Option(help="What carries operations; over ws devices stay connected.")
    ] = Transport.HTTP,
    municipio: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="IBGE code of where they work; repeat it for more. [default: 5103403]"),
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="End after so many rounds of each device.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="End after so long.")] = None,
    pause: Annotated[float, typer.Option(min=0, help="Mean seconds between a device's rounds; 0: none.")] = 2.0,
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, help="Operations a second that all devices together make; decides the pause."),
    ] = None,
    stay_connected: Annotated[
        bool | None,
        typer.Option("--stay-connected/--come-and-go", help="Whether devices follow changes. [default: over ws]"),
    ] = None,
    good_links: Annotated[bool, typer.Option("--good-links", help="Lose nothing, and cut no stream.")] = False,
    photos: Annotated[
        bool, typer.Option("--photos", help="Take real photographs, of some 10 kB, and upload them.")
    ] = False,
    seed: Annotated[
        int, typer.Option(help="The same seed gives the same people doing the same work, with the same ids.")
    ] = 0,
    url: Annotated[str | None, typer.Option(help="The API. [default: TECHDENGUE_URL]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Let simulated devices work: they go offline, have wrong clocks, lose requests and answers, and try again.

    Without --rounds or --seconds they work until SIGTERM or Ctrl-C. At the end all push what they have, and the counts
    are printed; a second Ctrl-C does without that. Each device signs in with a token of the local development key.
    Devices that stay connected are told of every change in their município: with thousands, say a --rate.

    \b
    Examples:
      techdengue simulate
      techdengue simulate --photos
      techdengue simulate --devices 20 --seconds 60 --pause 0 --transport stream
      techdengue simulate --devices 2000 --seconds 60 --rate 5 --transport ws --good-links
      techdengue simulate --devices 5 --rounds 10 --municipio 5103403 --municipio 5107602 --json
    """
    import uvloop  # lazy: see app.py

    from techdengue.client import Carrier
    from techdengue.client.simulator import PLACES, Simulation
    from techdengue.domain.access import Role

    from .api import api_url, local_key, mint, refusals

    where, places = api_url(url), municipio or [CUIABA]
    local_key()
    _allow_connections(devices)
    if unknown := [code for code in places if code not in PLACES]:
        raise CommandFailed(
            f"nobody can be simulated in {', '.join(unknown)}", do=f"Known: {', '.join(PLACES)}.", code=ExitCode.USAGE
        )

    def token(user: str, municipios: tuple[str, ...]) -> str:
        return mint(user=user, role=Role.CAMPO, municipios=list(municipios))

    with _folder(photos) as folder, refusals(where), progress("operations acknowledged") as advance:
        simulation = Simulation(
            where,
            token,
            devices=devices,
            municipios=places,
            seed=seed,
            pause=pause,
            rate=rate,
            carrier=Carrier(transport.value),
            stays_connected=transport is Transport.WS if stay_connected is None else stay_connected,
            bad_links=not good_links,
            photos=folder,
            progress=advance,
        )
        stats = uvloop.run(_work(where, simulation, rounds, seconds))
    _show(stats, as_json=as_json)
    if stats.pending:
        raise CommandFailed(
            f"{stats.pending} operations were not pushed at the end: {where} cannot be reached",
            code=ExitCode.UNREACHABLE,
        )


@contextlib.contextmanager
def _folder(wanted: bool) -> Iterator[Path | None]:
    """A folder for photographs, which vanishes with the simulation."""
    if not wanted:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="techdengue-photos-") as folder:
        yield Path(folder)


async def _work(url: str, simulation: "Simulation", rounds: int | None, seconds: float | None) -> "SimulationStats":
    await _knock(url)
    async with simulation:
        for work in (simulation.work(rounds=rounds, duration=seconds), simulation.push_rest(patience=SETTLE_SECONDS)):
            task = asyncio.ensure_future(work)
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
            with contextlib.suppress(asyncio.CancelledError):  # told to stop
                await task
        return simulation.stats


def _allow_connections(devices: int) -> None:
    """Raise this process's limit of open files to what the devices need. Raises CommandFailed."""
    needed = devices + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise CommandFailed(
            f"{devices} devices need {needed} open files; this process may have {hard}",
            do="Raise the limit (`ulimit -Hn`), or say fewer --devices.",
            code=ExitCode.USAGE,
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


async def _knock(url: str) -> None:
    """Raise Unreachable at once where nobody answers: devices would wait for ever."""
    from techdengue.client import HttpTransport, Request

    async with HttpTransport(connect=5.0) as transport:
        await transport.send(Request(method="GET", url=f"{url}/health/live", headers={}))


def _show(stats: "SimulationStats", *, as_json: bool) -> None:
    if as_json:
        put_json(stats)
        return
    rows = [[outcome, str(count)] for outcome, count in sorted(stats.outcomes.items())]
    table(["outcome", "operations"], [*rows, ["refused", str(stats.refused)]])
    say(f"  {stats.devices} devices worked {stats.rounds} rounds over {stats.transport}, {stats.seconds:.1f} s")
    say(
        f"  operations: {stats.made} made, {stats.acknowledged} acknowledged, {stats.conflicts} of these in conflict, "
        f"{stats.refused} refused, {stats.pending} wait; {stats.repeated} were sent again after the server had them"
    )
    if stats.photos:
        say(f"  photographs: {stats.photos} uploaded and verified")
    for refusal, times in stats.refusals.items():
        say(f"    {times} times refused: {refusal}")
    say(
        f"  links: {stats.lost_requests} requests and {stats.lost_answers} answers lost, {stats.cuts} connections cut, "
        f"{stats.reconnects} times tried again; {stats.received} changes received"
    )
    for problem, times in stats.problems.items():
        say(f"    {times} times: {problem}")
    if stats.p50_seconds is not None and stats.p99_seconds is not None:
        say(
            f"  from sending to acknowledged: half within {stats.p50_seconds * 1000:.1f} ms, "
            f"99 % within {stats.p99_seconds * 1000:.1f} ms"
        )
