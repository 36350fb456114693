"""One HTTP listener in this process: uvicorn's protocols on uvloop, on a socket that we bind ourselves.

Uvicorn's own server takes over the signals and looks at its flags ten times a second; its protocols need neither. So:
our socket (a taken port is an error, port 0 is answered), our start and end, one process; see workers.py for several.
"""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import uvloop
from uvicorn.config import Config
from uvicorn.lifespan.on import LifespanOn
from uvicorn.server import ServerState

from techdengue.http.socket.messages import LARGEST_FRAME

from .collecting import collect_rarely
from .protocols import Http, WebSocket

BACKLOG = 1024
KEEP_ALIVE_SECONDS = 75
"""How long a connection may be idle between two requests."""
DRAIN_SECONDS = 30
"""How long requests in flight and the application's own shutdown may take after a signal to stop."""


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one. Raises OSError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def share(listener: socket.socket, count: int) -> list[socket.socket]:
    """A listening socket for each of `count` processes on the port of `listener`, which is the first of them.

    On Linux each has its own, and the kernel deals new connections out by their addresses: with one socket for all,
    whoever wakes first takes them, and keeps them for as long as they live. SO_REUSEPORT is set only now, after the
    port was bound without it: so another server's bind fails as ever. Elsewhere all are the same socket.
    """
    if sys.platform != "linux":
        return [listener] * count
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared = [listener]
    try:
        while len(shared) < count:
            shared.append(_another(listener))
    except OSError:
        for one in shared:
            one.close()
        raise
    return shared


def _another(listener: socket.socket) -> socket.socket:
    one = socket.socket(listener.family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(listener.getsockname())
        one.listen(BACKLOG)
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one


def serve(create: Callable[[], Any], listener: socket.socket, *, ready: Callable[[], None]) -> bool:
    """Serve an ASGI application until SIGTERM or SIGINT, then drain. True when the end was asked for and clean.

    The listener is closed at the end. `create` is called inside the running loop and answers the application, whose
    `end_waits` is called at the signal; `ready` once it has started.
    """
    return uvloop.run(_serve(create, listener, ready))


async def _serve(create: Callable[[], Any], listener: socket.socket, ready: Callable[[], None]) -> bool:
    application = create()
    config = configure(application)
    lifespan = LifespanOn(config)
    await lifespan.startup()
    if lifespan.should_exit:  # the application has logged why
        return False
    collect_rarely()
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    connections = Connections(config, loop)
    server = await loop.create_server(connections.take, sock=listener, backlog=BACKLOG)
    loop.call_soon(ready)
    await asked.wait()
    application.end_waits()  # whoever waits is answered now, for the application ends after the last answer
    server.close()
    await connections.drain()
    await lifespan.shutdown()
    return not lifespan.should_exit


def configure(application: Any) -> Config:
    """Uvicorn as we want it."""
    config = Config(
        application,
        http=Http,
        ws=WebSocket,
        ws_max_size=LARGEST_FRAME,  # a larger one closes the connection (1009) and is not kept
        ws_ping_interval=None,  # heartbeats are messages of ours
        ws_per_message_deflate=False,  # its buffers would cost more memory than an idle connection has
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    config.load()
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what a peer does wrong is no line in our log
    return config


class Connections:
    """The open connections of a listener, and their requests."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        self._config = config
        self._loop = loop
        self._state = ServerState()
        self._tell_date()

    def take(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        return Http(self._config, self._state, {}, self._loop)

    async def drain(self) -> None:
        """Let the requests in flight be answered, for a while; then close every connection."""
        for connection in tuple(self._state.connections):
            if isinstance(connection, Http):
                connection.shutdown()  # after its answer, if it owes one
        until = self._loop.time() + DRAIN_SECONDS
        while self._state.tasks and (left := until - self._loop.time()) > 0:
            await asyncio.wait(tuple(self._state.tasks), timeout=left)
        for task in self._state.tasks:
            task.cancel()
        for connection in tuple(self._state.connections):
            connection.transport.close()
        self._clock.cancel()

    def _tell_date(self) -> None:
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        self._clock = self._loop.call_later(1.0, self._tell_date)
