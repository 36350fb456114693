"""Bytes to the server and back, with a time-out on everything. An argument, so that tests can lose answers."""

import asyncio
import contextlib
import io
import os
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Final, Protocol, Self, runtime_checkable

import aiohttp
import msgspec
from yarl import URL

from .duplex import LONGEST_MESSAGE, Body, Duplex, LineDuplex, SocketDuplex
from .errors import Unreachable

SUBPROTOCOL: Final = "techdengue.sync.1"
_GOODBYE_SECONDS: Final = 2.0
_LARGE: Final = 512 * 1024
"""Bytes from which a body is sent piece by piece."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request."""

    method: str
    url: str
    headers: dict[str, str]
    params: dict[str, str] = {}
    body: bytes | None = None
    total: float | None = None
    """Seconds for all of it, however long it is silent meanwhile; None: as the transport has it."""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer, unpacked; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Transport(Protocol):
    """Takes a request to the server."""

    async def send(self, request: Request) -> Response:
        """The server's answer. Raises Unreachable where there is none, or only a part of one."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class StreamingTransport(Transport, Protocol):
    """Opens ways that stay open as well. Both methods raise Unreachable; a refusal is the server's Response."""

    async def open_stream(self, request: Request) -> Duplex | Response:
        """Begin a request whose body goes on; `request.body` is its beginning."""
        ...

    async def open_socket(self, request: Request) -> Duplex | Response:
        """Open a WebSocket; a refusal is without its body."""
        ...


class HttpTransport:
    """aiohttp, with explicit time-outs. May be shared by devices of one event loop."""

    def __init__(self, *, connect: float = 10.0, silence: float = 30.0, total: float = 120.0) -> None:
        """Time-outs in seconds: to connect, between two bytes, and for the whole request."""
        self._timeout = aiohttp.ClientTimeout(total=total, sock_connect=connect, sock_read=silence)
        self._opening = connect + silence
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        """The server's answer. Redirects are not followed: a captive portal is no sync server."""
        large = request.body is not None and len(request.body) > _LARGE
        with _unreachable():
            async with self._connected().request(
                request.method,
                URL(request.url, encoded=True) if request.total is not None else request.url,
                params=request.params,
                headers=request.headers,
                data=io.BytesIO(request.body) if large and request.body is not None else request.body,
                allow_redirects=False,
                timeout=self._timeout_of(request),
            ) as answer:
                return await _read(answer)

    def _timeout_of(self, request: Request) -> aiohttp.ClientTimeout:
        if request.total is None:
            return self._timeout
        return aiohttp.ClientTimeout(total=request.total, sock_connect=self._timeout.sock_connect)

    async def open_stream(self, request: Request) -> Duplex | Response:
        """The answer has begun when this returns; its lines come as the server writes them."""
        body = Body(request.body or b"")
        with _unreachable():
            async with asyncio.timeout(self._opening):
                answer = await self._connected().request(
                    request.method,
                    request.url,
                    params=request.params,
                    headers=request.headers,
                    data=body,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(sock_connect=self._timeout.sock_connect),
                )
                if answer.status == 200 and answer.content_type == "application/x-ndjson":
                    return LineDuplex(body, answer)
                async with answer:
                    return await _read(answer)

    async def open_socket(self, request: Request) -> Duplex | Response:
        """The server has agreed when this returns."""
        with _unreachable():
            try:
                async with asyncio.timeout(self._opening):
                    return SocketDuplex(
                        await self._connected().ws_connect(
                            request.url,
                            params=request.params,
                            headers=request.headers,
                            protocols=(SUBPROTOCOL,),
                            max_msg_size=LONGEST_MESSAGE,
                            timeout=aiohttp.ClientWSTimeout(ws_close=_GOODBYE_SECONDS),
                        )
                    )
            except aiohttp.WSServerHandshakeError as error:
                return Response(status=error.status, headers=_lower(error.headers or {}), body=b"")

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:  # a device has one connection or two; a simulation thousands
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(timeout=self._timeout, connector=connector)
        return self._session

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def _read(answer: aiohttp.ClientResponse) -> Response:
    return Response(status=answer.status, headers=_lower(answer.headers), body=await answer.read())


@contextlib.contextmanager
def _unreachable() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise Unreachable("the server did not answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(f"the connection failed: {_fault(error)}") from error


def _fault(error: aiohttp.ClientError | OSError) -> str:
    """What went wrong, without the library's own words around it."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return str(error.certificate_error)
    if not isinstance(error, aiohttp.ClientConnectorError):
        return str(error) or type(error).__name__
    cause = error.os_error
    if cause.errno and cause.errno > 0 and not isinstance(error, aiohttp.ClientSSLError):
        return os.strerror(cause.errno).lower()
    return cause.strerror or str(cause)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
