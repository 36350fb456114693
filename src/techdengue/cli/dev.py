"""`techdengue dev`: everything on this machine, from nothing."""

import os
from pathlib import Path
from typing import Annotated

import typer

from .errors import CommandFailed
from .output import put

PORT_HELP = "Where the search for a free port begins."


def dev(
    data_dir: Annotated[
        Path, typer.Option(envvar="TECHDENGUE_DATA_DIR", help="Where data, logs and secrets are kept between runs.")
    ] = Path(".data"),
    port: Annotated[int, typer.Option(min=1, max=65535, help=f"The API. {PORT_HELP}")] = 8000,
    postgres_port: Annotated[int, typer.Option(min=1, max=65535, help=PORT_HELP)] = 15432,
    redis_port: Annotated[int, typer.Option(min=1, max=65535, help=PORT_HELP)] = 16379,
    s3_port: Annotated[int, typer.Option(min=1, max=65535, help=PORT_HELP)] = 18333,
    worker_port: Annotated[int, typer.Option(min=1, max=65535, help=f"The worker's metrics. {PORT_HELP}")] = 9464,
    simulate: Annotated[
        bool,
        typer.Option(help="Keep simulated devices working. [default: on, off with SIMULATE=0]", show_default=False),
    ] = os.environ.get("SIMULATE", "1") != "0",
    devices: Annotated[int, typer.Option(min=1, max=1000, help="How many simulated devices.")] = 3,
    demo: Annotated[bool, typer.Option(help="Load the demo territory on the first run.")] = True,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            envvar="TECHDENGUE_WORKERS",
            help="Processes of the API, as of `techdengue serve`. [default: half the cores, 1 to 4]",
        ),
    ] = None,
) -> None:
    """Start PostgreSQL, Redis, S3, API, projector and a worker here, and keep them running until Ctrl-C.

    No root, no Docker, no configuration: the servers come with the `embedded` extra. While it runs, every other
    command finds it by its data directory. TECHDENGUE_* settings of the shell hold, but for addresses, logins and keys.

    \b
    Examples:
      techdengue dev
      SIMULATE=0 techdengue dev --port 9000
      techdengue dev --data-dir /tmp/another --no-demo
      TECHDENGUE_SYSLOG_URL=tcp://127.0.0.1:5514 techdengue dev
    """
    import uvloop  # lazy: see app.py

    from techdengue.dev.environment import DevOptions, run_dev
    from techdengue.dev.errors import DevError

    options = DevOptions(
        data_dir=data_dir,
        port=port,
        postgres_port=postgres_port,
        redis_port=redis_port,
        s3_port=s3_port,
        worker_port=worker_port,
        simulate=simulate,
        devices=devices,
        demo=demo,
        workers=workers,
    )
    try:
        uvloop.run(run_dev(options, put))
    except DevError as error:
        raise CommandFailed(str(error)) from error
    except BaseExceptionGroup as errors:
        ours, others = errors.split(DevError)
        if ours is None or others is not None:
            raise
        raise CommandFailed("\n".join(str(error) for error in _leaves(ours))) from errors


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The errors in a group of groups, in order."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
