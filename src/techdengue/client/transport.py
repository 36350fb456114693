"""Bytes to the server and back, with a time-out on everything. An argument, so that tests can lose answers."""

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

import aiohttp
import msgspec

from .errors import Unreachable


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request."""

    method: str
    url: str
    headers: dict[str, str]
    params: dict[str, str] = {}
    body: bytes | None = None


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


class HttpTransport:
    """aiohttp, with explicit time-outs. May be shared by devices of one event loop."""

    def __init__(self, *, connect: float = 10.0, silence: float = 30.0, total: float = 120.0) -> None:
        """Time-outs in seconds: to connect, between two bytes, and for the whole request."""
        self._timeout = aiohttp.ClientTimeout(total=total, sock_connect=connect, sock_read=silence)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        """The server's answer. Redirects are not followed: a captive portal is no sync server."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        try:
            async with self._session.request(
                request.method,
                request.url,
                params=request.params,
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
            ) as answer:
                return Response(status=answer.status, headers=_lower(answer.headers), body=await answer.read())
        except TimeoutError as error:
            raise Unreachable("the server did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"the connection failed: {_fault(error)}") from error

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


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
