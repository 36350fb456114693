"""How a device reaches the server, most simply: requests of `POST /api/sync`, and pages of `GET /api/sync/changes`."""

from collections.abc import Sequence
from typing import Final, Protocol

import aiohttp
import msgspec

from tests.e2e.load import RETRIED
from tests.e2e.playing import matched, rfc3339
from tests.e2e.replaying import micros
from tests.e2e.wire import Json

from .http_road import Request, length_of
from .ledger import Entry, Ledger

BROKEN: Final = (aiohttp.ClientError, OSError, TimeoutError)
"""What a device sees where the network fails it."""


class Way(Protocol):
    """Takes operations to the server, and brings changes from it."""

    most: int
    """Operations that are sent at once."""
    echoes: bool
    """Whether changes tell of what the device created itself and nobody has changed since."""

    async def push(self, entries: Sequence[Entry], sent_at: int | None) -> None:
        """Send; the ledger hears what is answered."""
        ...

    async def changes(self, cursor: str | None, limit: int) -> Json | None:
        """A page of changes; None where the server had none to give now."""
        ...

    async def close(self) -> None:
        """Let go of connections; what comes after that is a request each."""
        ...


class Requests:
    """One request after the other."""

    most = 9
    echoes = True

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str, device: str, ledger: Ledger) -> None:
        self.http = http
        self.url = url
        self.device = device
        self.ledger = ledger
        self.headers = {"authorization": f"Bearer {token}", "x-device-id": device, "accept-encoding": "identity"}

    async def push(self, entries: Sequence[Entry], sent_at: int | None) -> None:
        """POST /api/sync."""
        operations = [entry.operation for entry in entries]
        body: Json = {"operations": operations}
        if sent_at is not None:
            body["sent_at"] = rfc3339(sent_at)
        began = self.ledger.sent(entries, sent_at)
        try:
            async with self.http.post(f"{self.url}/api/sync", json=body, headers=self.headers) as answer:
                status, raw = answer.status, await answer.read()
        except BROKEN as error:
            await self.ledger.fail(type(error).__name__)
            return
        if status == 200:
            told = matched(self.device, operations, sent_at, msgspec.json.decode(raw))
            await self.ledger.hear(told, began)
            return
        assert status in RETRIED, raw
        await self.ledger.fail(str(status))

    async def changes(self, cursor: str | None, limit: int) -> Json | None:
        """GET /api/sync/changes."""
        return await self.ask_changes(cursor, limit=str(limit))

    async def ask_changes(self, cursor: str | None, **params: str) -> Json | None:
        """A page, or None where it is not to be had now."""
        params |= {} if cursor is None else {"cursor": cursor}
        async with self.http.get(f"{self.url}/api/sync/changes", params=params, headers=self.headers) as answer:
            raw = await answer.read()
            if answer.status == 200:
                page: Json = msgspec.json.decode(raw)
                return page
            assert answer.status in RETRIED, raw
            return None

    async def close(self) -> None:
        """Nothing is kept open."""


def overhear(ledger: Ledger, request: Request, answer: bytes) -> None:
    """Note an answer of `POST /api/sync` that no device heard, if it tells what became of the operations."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if request.path != "/api/sync" or not head.startswith(b"HTTP/1.1 200") or len(body) < length_of(head):
        return
    sent = msgspec.json.decode(request.body)
    sent_at = micros(sent["sent_at"]) if "sent_at" in sent else None
    told = matched(
        request.headers["x-device-id"],
        sent["operations"],
        sent_at,
        msgspec.json.decode(body),
    )
    ledger.overhear(told)
