"""`techdengue simulate`: devices that go offline, have wrong clocks and bad links, against a real server."""

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import CommandFailed, ExitCode
from .output import progress, put_json, say, table

if TYPE_CHECKING:
    from techdengue.client.simulator import Simulation, SimulationStats

SETTLE_SECONDS = 10.0
CUIABA = "5103403"


def simulate(
    devices: Annotated[int, typer.Option(min=1, max=10_000, help="How many devices work.")] = 3,
    municipio: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="IBGE code of where they work; repeat it for more. [default: 5103403]"),
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="End after so many rounds of each device.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="End after so long.")] = None,
    pause: Annotated[float, typer.Option(min=0, help="Mean seconds between a device's rounds; 0: none.")] = 2.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same people doing the same work.")] = 0,
    url: Annotated[str | None, typer.Option(help="The API. [default: TECHDENGUE_URL]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Let simulated devices work: they go offline, have wrong clocks, lose requests and answers, and try again.

    Without --rounds or --seconds they work until SIGTERM or Ctrl-C. At the end all push what they have, and the counts
    are printed. Each device signs in with a token of the local development key.

    \b
    Examples:
      techdengue simulate
      techdengue simulate --devices 20 --seconds 60 --pause 0
      techdengue simulate --devices 5 --rounds 10 --municipio 5103403 --municipio 5107602 --json
    """
    import uvloop  # lazy: see app.py

    from techdengue.client.simulator import PLACES, Simulation
    from techdengue.domain.access import Role

    from .api import api_url, local_key, mint, refusals

    where, places = api_url(url), municipio or [CUIABA]
    local_key()
    if unknown := [code for code in places if code not in PLACES]:
        raise CommandFailed(
            f"nobody can be simulated in {', '.join(unknown)}", do=f"Known: {', '.join(PLACES)}.", code=ExitCode.USAGE
        )

    def token(user: str, municipios: tuple[str, ...]) -> str:
        return mint(user=user, role=Role.CAMPO, municipios=list(municipios))

    with refusals(where), progress("operations acknowledged") as advance:
        simulation = Simulation(
            where,
            token,
            devices=devices,
            municipios=places,
            seed=seed,
            pause=pause,
            progress=lambda stats: advance(stats.acknowledged, None),
        )
        stats = uvloop.run(_work(where, simulation, rounds, seconds))
    _show(stats, as_json=as_json)
    if stats.pending:
        raise CommandFailed(
            f"{stats.pending} operations were not pushed at the end: {where} cannot be reached",
            code=ExitCode.UNREACHABLE,
        )


async def _work(url: str, simulation: "Simulation", rounds: int | None, seconds: float | None) -> "SimulationStats":
    await _knock(url)
    async with simulation:
        working = asyncio.ensure_future(simulation.work(rounds=rounds, duration=seconds))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, working.cancel)
        with contextlib.suppress(asyncio.CancelledError):  # told to stop
            await working
        await simulation.settle(patience=SETTLE_SECONDS)
        return simulation.stats


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
    say(
        f"  {stats.devices} devices worked {stats.rounds} rounds and made {stats.made} operations; they lost "
        f"{stats.lost_requests} requests and {stats.lost_answers} answers; {stats.repeated} operations were sent again "
        f"after the server had them, {stats.pending} wait"
    )
