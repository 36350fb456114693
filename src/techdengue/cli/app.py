"""The commands of `techdengue`, and how a failure becomes a sentence and an exit code.

Every command imports what it needs inside its function: `techdengue --help` and shell completion must not pay for
Litestar, PostgreSQL drivers and boto (measured: 1.8 s with them, 0.2 s without).
"""

import sys

import typer

from . import dev, migrate, projections, replay, serve, simulate, sync, token
from .errors import EXIT_CODES, CommandFailed, ExitCode
from .output import say

app = typer.Typer(
    name="techdengue",
    help="An event-sourced sync server for field work without a network.\n\n"
    "Settings are TECHDENGUE_* variables; without any, the servers that `techdengue dev` runs here are used.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("dev", epilog=EXIT_CODES)(dev.dev)
app.command("serve", epilog=EXIT_CODES)(serve.serve)
app.command("migrate", epilog=EXIT_CODES)(migrate.migrate)
app.command("token", epilog=EXIT_CODES)(token.token)
app.add_typer(projections.app, name="projections")
app.command("replay", epilog=EXIT_CODES)(replay.replay)
app.command("simulate", epilog=EXIT_CODES)(simulate.simulate)
app.command("sync", epilog=EXIT_CODES)(sync.sync)


def main() -> None:
    """Run the command line and exit with a code of `ExitCode`."""
    try:
        app()
    except CommandFailed as failure:
        say(f"techdengue: {failure.sentence}")
        if failure.do:
            say(f"  {failure.do}")
        sys.exit(failure.code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # `techdengue … | head`: the reader has gone, and a second complaint at exit would be noise.
        sys.stderr.close()
        sys.exit(ExitCode.OK)
