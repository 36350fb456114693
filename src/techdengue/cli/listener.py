"""One HTTP listener in this process: granian on uvloop, on a socket that we bind ourselves.

Granian's own socket sets SO_REUSEPORT, with which two servers share a port in silence and the port of `--port 0` is
never known; its usual mode keeps the application in a child process, which a kill -9 of the parent leaves behind.
So: our socket (a taken port is an error, port 0 is answered), granian's embedded mode, one process; see workers.py for
several.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from granian.constants import Interfaces
from granian.errors import FatalError
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]  # there, but granian does not re-export it
from granian.server.embed import Server

BACKLOG = 1024
_ALLOCATIONS_A_COLLECTION = 50_000
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
    watch = _Lifespan(application, ready)
    _collect_rarely()
    server = _Listener(watch, listener)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        application.end_waits()  # granian answers whoever waits before it lets the application end
        server.stop()  # type: ignore[no-untyped-call]  # granian has no types

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    with contextlib.suppress(FatalError):  # the application refused to start, and has logged why
        await server.serve()
    return server.asked_to_stop and watch.ended_well


def _collect_rarely() -> None:
    """Keep the cycle collector from walking a group's objects time and again.

    They make no cycles: reference counts free them. Measured: decoding and deciding cost a third less.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_A_COLLECTION, 20, 20)


class _Listener(Server):
    """Granian's embedded server on a socket that is already listening."""

    def __init__(self, application: Any, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(
            application,
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            backlog=BACKLOG,
            log_level=LogLevels.warning,
        )
        logging.getLogger("_granian").setLevel(logging.ERROR)
        self.workers_kill_timeout = DRAIN_SECONDS
        self._listener = listener

    @property
    def asked_to_stop(self) -> bool:
        """Whether a signal ended it, and not a failure."""
        return bool(self.interrupt_signal)

    def _init_shared_socket(self) -> None:
        # Granian closes it. Its stub of SocketHolder knows no arguments, and its attributes start as None.
        holder: Any = SocketHolder
        self._shd = holder(self._listener.detach(), False, BACKLOG)
        self._ssp = None


class _Lifespan:
    """The application, with its start and end observed: granian tells nobody about either."""

    def __init__(self, application: Any, ready: Callable[[], None]) -> None:
        self._application = application
        self._ready = ready
        self.ended_well = False

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        if scope["type"] == "lifespan":
            return self._live(scope, receive, send)
        answering: Awaitable[None] = self._application(scope, receive, send)
        return answering

    async def _live(self, scope: Any, receive: Any, send: Any) -> None:
        async def observe(message: Any) -> None:
            await send(message)
            match message["type"]:
                case "lifespan.startup.complete":
                    asyncio.get_running_loop().call_soon(self._ready)
                case "lifespan.shutdown.complete":
                    self.ended_well = True

        await self._application(scope, receive, observe)
