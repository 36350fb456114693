"""One device's ways to the server: authentication, packing, and what each status means to a device."""

import gzip
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias, TypeVar
from urllib.parse import quote

import msgspec

from . import wire
from .duplex import Duplex
from .errors import Unreachable
from .model import QueuedFile
from .transport import Request, Response, StreamingTransport, Transport
from .verdict import check

TokenSource: TypeAlias = str | Callable[[], str | Awaitable[str]]
"""A bearer token, or what gives one; a callable is asked again when the server calls a token expired, or soon will."""

PACK_ABOVE: Final = 1024
"""Bytes: larger request bodies travel as gzip."""

_PART_SECONDS: Final = 60.0
_SLOWEST: Final = 4096.0
"""Bytes a second below which sending a part is given up."""

_T = TypeVar("_T")
_Answer = TypeVar("_Answer", bound=Duplex | Response)


class Link:
    """The server, as one device reaches it."""

    def __init__(self, transport: Transport, base_url: str, device_id: str, token: TokenSource) -> None:
        self.device_id = device_id
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._source = token
        self._token: str | None = None

    async def send_operations(self, bodies: Sequence[bytes], *, batch_id: str, sent_at: str) -> wire.SyncAnswer:
        """`POST /api/sync`. Raises LinkError."""
        body = wire.encode_request(bodies, batch_id=batch_id, device_id=self.device_id, sent_at=sent_at)
        headers = {"Content-Type": "application/json"}
        if len(body) > PACK_ABOVE:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 6, mtime=0)
        return _decode(await self._call(self._request("POST", "/api/sync", headers, body=body)), wire.SyncAnswer)

    async def read_changes(self, cursor: str | None, limit: int, *, wait: float = 0.0) -> wire.ChangesPage:
        """`GET /api/sync/changes`; `wait`: seconds that the server may wait for a change. Raises LinkError;
        Unacceptable with `invalid_cursor` for a cursor from elsewhere.
        """
        params = {"limit": str(limit)}
        if cursor is not None:
            params["cursor"] = cursor
        if wait:
            params["wait"] = f"{wait:g}"
        return _decode(await self._call(self._request("GET", "/api/sync/changes", params=params)), wire.ChangesPage)

    async def ask_of_file(self, method: str, file: QueuedFile, call: str) -> Response:
        """One of the calls about an evidencia's file; whatever it answers. Raises Unreachable, Unauthorized."""
        params = {"municipio_cod_ibge": file.municipio} if file.municipio else {}
        path = f"/api/evidencias/{quote(str(file.evidencia_id), safe='')}/{call}"
        return await self._authorized(self._request(method, path, params=params), self._transport.send)

    async def put_part(self, url: str, headers: dict[str, str], body: bytes) -> Response:
        """Send a part to the object store, which knows nothing of tokens. Raises Unreachable."""
        seconds = _PART_SECONDS + len(body) / _SLOWEST
        return await self._transport.send(Request(method="PUT", url=url, headers=headers, body=body, total=seconds))

    async def open_stream(self, first: bytes, *, sent_at: str, packed: bool) -> Duplex:
        """`POST /api/sync/stream`, begun with these bytes. Raises LinkError."""
        headers = {"Content-Type": "application/x-ndjson", "Accept": "application/x-ndjson", "X-Sent-At": sent_at}
        if packed:
            headers["Content-Encoding"] = "gzip"
        request = self._request("POST", "/api/sync/stream", headers, body=first)
        return _opened(await self._authorized(request, self._streaming.open_stream))

    async def open_socket(self) -> Duplex:
        """`GET /api/sync/ws`. Raises LinkError."""
        return _opened(await self._authorized(self._request("GET", "/api/sync/ws"), self._streaming.open_socket))

    @property
    def renews(self) -> bool:
        """Whether a fresh token can be had."""
        return callable(self._source)

    async def renew_token(self) -> str:
        """A fresh token where there is one."""
        self._token = await self._ask_token()
        return self._token

    def drop_token(self) -> None:
        """The server does not take it any more."""
        self._token = None

    @property
    def _streaming(self) -> StreamingTransport:
        if not isinstance(self._transport, StreamingTransport):
            raise TypeError(f"{type(self._transport).__name__} carries requests only")
        return self._transport

    def _request(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        *,
        params: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Request:
        own = {"X-Device-ID": self.device_id, "Accept": "application/json"}
        return Request(
            method=method, url=self._base_url + path, headers=own | (headers or {}), params=params or {}, body=body
        )

    async def _call(self, request: Request) -> bytes:
        response = await self._authorized(request, self._transport.send)
        check(response)
        return response.body

    async def _authorized(self, request: Request, deliver: Callable[[Request], Awaitable[_Answer]]) -> _Answer:
        asked_again = not self.renews
        while True:
            token = self._token or await self.renew_token()
            headers = request.headers | {"Authorization": f"Bearer {token}"}
            answer = await deliver(msgspec.structs.replace(request, headers=headers))
            if not isinstance(answer, Response) or answer.status != 401:
                return answer
            self.drop_token()
            if asked_again:
                check(answer)
            asked_again = True

    async def _ask_token(self) -> str:
        if isinstance(self._source, str):
            return self._source
        answer = self._source()
        return await answer if inspect.isawaitable(answer) else answer


def _opened(answer: Duplex | Response) -> Duplex:
    if not isinstance(answer, Response):
        return answer
    check(answer)
    raise Unreachable("the answer is not a sync server's: it has an end")


def _decode(body: bytes, kind: type[_T]) -> _T:
    """A 200 that is no answer of ours comes from something between us and the server: try again later."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise Unreachable(f"the answer is not a sync server's: {error}") from error
