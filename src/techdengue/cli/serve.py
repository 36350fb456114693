"""`techdengue serve`: the HTTP server, in this process, until SIGTERM."""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from .environment import server_settings
from .errors import CommandFailed, ExitCode
from .output import put


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: TECHDENGUE_HOST]")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one. [default: TECHDENGUE_PORT]"),
    ] = None,
    port_file: Annotated[
        Path | None, typer.Option(help="Write the port here once requests are answered, remove it at the end.")
    ] = None,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C; requests in flight are answered first.

    One process, one event loop: for more, run more of them behind a balancer. It starts without its database too,
    answers 503 then, and recovers by itself.

    \b
    Examples:
      techdengue serve
      techdengue serve --host 0.0.0.0 --port 8080
      techdengue serve --port 0 --port-file /run/techdengue.port
    """
    from techdengue.asgi import create_app  # lazy: see app.py
    from techdengue.settings import SettingsError

    from .database import check_address
    from .listener import serve as serve_until_stopped

    settings = server_settings()
    check_address(settings.database_url)
    listener = _bind(host or settings.host, settings.port if port is None else port)
    address, bound_port = _address(listener), listener.getsockname()[1]
    with listener, _port_file(port_file) as write_port:

        def announce() -> None:
            write_port(bound_port)
            put(f"techdengue: listening on http://{address} (pid {os.getpid()})")

        try:
            ended_well = serve_until_stopped(lambda: create_app(settings), listener, ready=announce)
        except SettingsError as error:
            raise CommandFailed(str(error), code=ExitCode.USAGE) from error
    if not ended_well:
        raise CommandFailed("the server ended by itself; its log says why")


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


@contextlib.contextmanager
def _port_file(path: Path | None) -> Iterator["_WritePort"]:
    """Something that writes the port file whole (renamed into place); the file goes away at the end."""
    try:
        yield _WritePort(path)
    finally:
        if path is not None:
            path.unlink(missing_ok=True)


class _WritePort:
    def __init__(self, path: Path | None) -> None:
        self._path = path

    def __call__(self, port: int) -> None:
        if self._path is None:
            return
        unfinished = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        unfinished.write_text(f"{port}\n")
        unfinished.replace(self._path)
