"""`GET /api/sync/changes` as server-sent events: a page an event, for as long as the client and its token last.

The format is that of the HTML standard, 9.2. An event's id is the cursor after it, so a client that was cut off goes on
with `Last-Event-ID`, as browsers do by themselves.
"""

import asyncio
import time
from typing import Any, Final

import msgspec
import structlog
from litestar.response.base import ASGIResponse

from eventstore import DATABASE_AWAY
from projections.errors import CursorFromElsewhere
from projections.model import Document, Page
from techdengue.feed import Stopping

from . import media
from .call import Call
from .edge import HEADLESS_KEY, REQUEST_ID_KEY
from .follower import Follower
from .presence import ClientLeft, while_present
from .problems import Problem, database_away, invalid_cursor, problem_document, server_stopping, token_expired

HEARTBEAT_SECONDS: Final = 15.0
SEND_SECONDS: Final = 30.0
"""How long an event may wait for its reader."""
_RETRY_MILLISECONDS: Final = 2000
_HEARTBEAT: Final = b": heartbeat\n\n"
_HEADERS: Final = [
    (b"content-type", media.EVENT_STREAM.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # what proxies of nginx's kind need to be told
]
_log = structlog.get_logger()


class _ReaderTooSlow(Exception):
    """An event was not taken in time."""


class EventStream(ASGIResponse):
    """The answer. It holds one of the places of those who wait, and gives it back at its end."""

    def __init__(self, call: Call, follower: Follower, first: Page[Document]) -> None:
        self.status_code = 200
        self._call = call
        self._follower = follower
        self._first = first

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Tell of changes until somebody ends it."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": _HEADERS})
            if HEADLESS_KEY not in scope:
                await while_present(receive, self._tell(send, f"urn:techdengue:request:{scope[REQUEST_ID_KEY]}"))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ClientLeft:
            return
        except _ReaderTooSlow:
            _log.warning("event_stream_reader_too_slow")
        finally:
            self._call.services.places.give_back()

    async def _tell(self, send: Any, instance: str) -> None:
        await _send(send, b"retry: %d\n\n%b" % (_RETRY_MILLISECONDS, event_of(self._first)))
        try:
            while not self._call.services.stopping.is_set():
                left = self._call.admission.expires - time.time()
                if left <= 0:
                    raise token_expired()
                page = await self._follower.read(min(HEARTBEAT_SECONDS, left))
                await _send(send, event_of(page) if page.items or page.has_more else _HEARTBEAT)
            raise server_stopping()
        except Problem as problem:
            await _send(send, _problem_event(problem, instance))
        except CursorFromElsewhere:
            await _send(send, _problem_event(invalid_cursor(), instance))
        except Stopping:
            await _send(send, _problem_event(server_stopping(), instance))
        except DATABASE_AWAY as error:
            _log.warning("database_away", error=type(error).__name__)
            await _send(send, _problem_event(database_away(), instance))


async def _send(send: Any, body: bytes) -> None:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "http.response.body", "body": body, "more_body": True})
    except TimeoutError as error:
        raise _ReaderTooSlow from error


def event_of(page: Page[Document]) -> bytes:
    """A page as an event. Its data is one line: our JSON has no line break between its tokens, and JSON none inside."""
    return b"event: changes\nid: %b\ndata: %b\n\n" % ((page.next_cursor or "").encode(), msgspec.json.encode(page))


def _problem_event(problem: Problem, instance: str) -> bytes:
    return b"event: problem\ndata: %b\n\n" % msgspec.json.encode(problem_document(problem, instance))
