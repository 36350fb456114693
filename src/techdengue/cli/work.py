"""`techdengue worker`: background jobs of one or more queues, until SIGTERM."""

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .environment import server_settings
from .errors import CommandFailed, ExitCode
from .output import put
from .port_file import port_file as kept_port_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobs import Queue
    from techdengue.settings import Settings

EVERY_QUEUE = "all"


def worker(
    queues: Annotated[list[str], typer.Argument(metavar="QUEUE...", help="cleanup, reports, notifications, or all.")],
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Of /metrics and /health; 0 takes a free one. [TECHDENGUE_WORKER_PORT]"),
    ] = None,
    port_file: Annotated[
        Path | None, typer.Option(help="Write that port here once it works, remove it at the end.")
    ] = None,
) -> None:
    """Run background jobs until SIGTERM or Ctrl-C; what runs then may end within TECHDENGUE_JOB_GRACE_SECONDS.

    One of them also brings the batches of devices into the audit trail and tells the syslog collector of it.

    Start as many as you like, of the same queues or of others: each run has one worker. One that dies loses nothing:
    its runs are another's after TECHDENGUE_JOB_LEASE_SECONDS. A database or Redis that goes away is waited for.

    \\b
    Examples:
      techdengue worker all
      techdengue worker reports notifications --port 9465
    """
    from techdengue import telemetry  # lazy: see app.py

    from .database import check_address
    from .database import run as run_here

    wanted = _queues(queues)
    settings = server_settings() if port is None else server_settings(TECHDENGUE_WORKER_PORT=str(port))
    check_address(settings.database_url)
    telemetry.configure(log_format=settings.log_format, log_level=settings.log_level)
    with kept_port_file(port_file) as write_port:

        def announce(bound: int) -> None:
            write_port(bound)
            put(f"techdengue: working on {', '.join(wanted)} (pid {os.getpid()}), metrics on port {bound}")

        run_here(_work(settings, wanted, announce), settings.database_url)


def _queues(names: list[str]) -> "list[Queue]":
    from jobs import Queue

    if EVERY_QUEUE in names:
        return list(Queue)
    unknown = [name for name in names if name not in list(Queue)]
    if unknown:
        raise CommandFailed(
            f"there is no queue {', '.join(unknown)}",
            do=f"There are {', '.join(Queue)}; {EVERY_QUEUE} is every one of them.",
            code=ExitCode.USAGE,
        )
    return [queue for queue in Queue if queue.value in names]


async def _work(settings: "Settings", queues: "Sequence[Queue]", announce: "Callable[[int], None]") -> None:
    from jobs.endpoint import PortTaken
    from jobs.worker import BadRedisAddress, run_worker
    from techdengue.audit import telling
    from techdengue.settings import SettingsError

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with telling(settings):
            await run_worker(settings, queues, stop, ready=announce)
    except SettingsError as error:
        raise CommandFailed(str(error), code=ExitCode.USAGE) from error
    except PortTaken as error:
        raise CommandFailed(str(error), do="Choose another with --port, or let --port 0 find a free one.") from error
    except BadRedisAddress as error:
        raise CommandFailed(str(error), do="It looks like redis://host:6379/0.", code=ExitCode.USAGE) from error
