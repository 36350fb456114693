"""`techdengue serve`: the HTTP server until SIGTERM, in this process or in several below it."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .environment import server_settings
from .errors import CommandFailed, ExitCode
from .output import put, tell
from .port_file import port_file as kept_port_file

if TYPE_CHECKING:
    from techdengue.settings import Settings

    from .workers import Post


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: TECHDENGUE_HOST]")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one. [default: TECHDENGUE_PORT]"),
    ] = None,
    port_file: Annotated[
        Path | None, typer.Option(help="Write the port here once requests are answered, remove it at the end.")
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Processes on the port; `auto`: one for each core. [default: TECHDENGUE_WORKERS, or 1]"
        ),
    ] = None,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C; requests in flight are answered first.

    One process, one event loop; with --workers so many of them, and a parent that starts one again when it dies. It
    starts without its database too, answers 503 then, and recovers by itself.

    \b
    Examples:
      techdengue serve
      techdengue serve --host 0.0.0.0 --port 8080 --workers auto
      techdengue serve --port 0 --port-file /run/techdengue.port
    """
    from .database import check_address  # lazy: see app.py

    settings = server_settings() if workers is None else server_settings(TECHDENGUE_WORKERS=workers)
    check_address(settings.database_url)
    listener = _bind(host or settings.host, settings.port if port is None else port)
    address, bound_port = _address(listener), listener.getsockname()[1]
    count = _count(settings)
    with listener, kept_port_file(port_file) as write_port:

        def announce() -> None:
            write_port(bound_port)
            several = f" with {count} workers" if count > 1 else ""
            put(f"techdengue: listening on http://{address} (pid {os.getpid()}){several}")

        ended_well = (_serve_here if count == 1 else _serve_below)(settings, listener, announce)
    if not ended_well:
        raise CommandFailed("the server ended by itself; its log says why")


def _count(settings: "Settings") -> int:
    if settings.workers != "auto":
        return settings.workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _serve_here(
    settings: "Settings", listener: socket.socket, announce: Callable[[], None], *, post: "Post | None" = None
) -> bool:
    """Serve in this process, where there is a post as a parent's worker; whether it ended as it was asked to."""
    from techdengue.asgi import create_app  # lazy: see app.py
    from techdengue.settings import SettingsError

    from .listener import serve as serve_until_stopped

    def create() -> object:
        if post is not None:
            post.watch()
        return create_app(settings, worker=post.number if post else None)

    try:
        return serve_until_stopped(create, listener, ready=announce)
    except SettingsError as error:
        raise CommandFailed(str(error), code=ExitCode.USAGE) from error


def _serve_below(settings: "Settings", listener: socket.socket, announce: Callable[[], None]) -> bool:
    """Serve in processes below this one, which only looks after them."""
    import techdengue.asgi  # noqa: F401 - so that no worker has to
    from techdengue import telemetry

    from .listener import share
    from .workers import Post, WorkerRefused, Workers

    def work(post: Post) -> int:
        try:
            return 0 if _serve_here(settings, post.listener, post.ready, post=post) else 1
        except CommandFailed as failure:
            tell(failure)
            return failure.code

    telemetry.configure(log_format=settings.log_format, log_level=settings.log_level)
    try:
        return Workers(share(listener, _count(settings)), work).run(announce)
    except WorkerRefused as refused:
        raise typer.Exit(refused.code) from refused


def _bind(host: str, port: int) -> socket.socket:
    from .listener import bind

    try:
        return bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandFailed(
                f"port {port} of {host} is taken by another process",
                do="Choose another with --port, or let --port 0 find a free one.",
                code=ExitCode.FAILED,
            ) from error
        raise CommandFailed(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            do="Check --host and --port (TECHDENGUE_HOST, TECHDENGUE_PORT).",
        ) from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
