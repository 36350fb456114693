"""The commands of `techdengue`, and how a failure becomes a sentence and an exit code.

Every command imports what it needs inside its function: `techdengue --help` and shell completion must not pay for
Litestar, PostgreSQL drivers and boto (measured: 1.8 s with them, 0.2 s without).
"""

import sys
from typing import Annotated

import typer

from . import dev, jobs, migrate, projections, push, replay, serve, simulate, sync, token, work
from .errors import EXIT_CODES, CommandFailed, ExitCode
from .output import put, tell

HELP = """An event-sourced sync server for field work without a network.

Settings are TECHDENGUE_* variables; without any, the servers that `techdengue dev` runs here are used.
"""

app = typer.Typer(
    name="techdengue",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("dev", epilog=EXIT_CODES, short_help="Run everything here, for development.")(dev.dev)
app.command("serve", epilog=EXIT_CODES, short_help="Serve the API.")(serve.serve)
app.command("worker", epilog=EXIT_CODES, short_help="Run background jobs.")(work.worker)
app.add_typer(jobs.app, name="jobs", short_help="Runs of jobs: list, show, run, retry, cancel.")
app.command("migrate", epilog=EXIT_CODES, short_help="Bring the database to this version.")(migrate.migrate)
app.command("token", epilog=EXIT_CODES, short_help="A token for development.")(token.token)
app.add_typer(projections.app, name="projections", short_help="Status, run, rebuild, verify.")
app.add_typer(push.app, name="push", short_help="Try whether messages reach a device.")
app.command("replay", epilog=EXIT_CODES, short_help="An entity's history and state.")(replay.replay)
app.command("simulate", epilog=EXIT_CODES, short_help="Simulated devices.")(simulate.simulate)
app.command("sync", epilog=EXIT_CODES, short_help="Push operations from a file.")(sync.sync)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # lazy: see above

        put(f"techdengue {version('techdengue')}")
        raise typer.Exit


@app.callback(help=HELP)
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options before a command; each acts by its own callback."""


def main() -> None:
    """Run the command line and exit with a code of `ExitCode`."""
    try:
        app()
    except CommandFailed as failure:
        tell(failure)
        sys.exit(failure.code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # `techdengue … | head`: the reader has gone, and a second complaint at exit would be noise.
        sys.stderr.close()
        sys.exit(ExitCode.OK)
