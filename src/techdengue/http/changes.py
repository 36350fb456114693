"""`GET /api/sync/changes`: the next page at once, or with `wait` as soon as there is something in it."""

import asyncio
from typing import Annotated, Final

import msgspec
from litestar.response.base import ASGIResponse

from projections.model import Document, Page
from techdengue.domain.access import Caller
from techdengue.domain.registry import ENTITY_TYPES

from .call import Call
from .faults import no_such_type
from .ports import Feed
from .presence import ClientLeft, NoAnswer, while_present
from .problems import Problem

LONGEST_WAIT: Final = 60


class ChangesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `GET /api/sync/changes`; `wait` is seconds."""

    cursor: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 500
    entity_type: str | None = None
    wait: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_WAIT)] = 0


async def read_changes(call: Call) -> ASGIResponse:
    """`GET /api/sync/changes`."""
    wanted = call.query(ChangesQuery)
    if wanted.entity_type is not None and wanted.entity_type not in ENTITY_TYPES:
        raise Problem("invalid_parameter", no_such_type(wanted.entity_type), path="/entity_type")
    if wanted.wait and wanted.cursor is not None:
        return await _wait_for_changes(call, wanted)
    page = await call.services.readers.changes(
        call.caller, cursor=wanted.cursor, limit=wanted.limit, entity_type=wanted.entity_type
    )
    return await call.answer(page)


async def _wait_for_changes(call: Call, wanted: ChangesQuery) -> ASGIResponse:
    call.takes_its_time()
    follower = Follower(call.services.feed, call.caller, wanted, wanted.cursor)
    with call.services.places.taken():
        try:
            page = await while_present(call.receive, follower.read(wanted.wait))
        except ClientLeft:
            return NoAnswer()
    return await call.answer(page)


class Follower:
    """One reader of changes who goes on from page to page as they come to be."""

    def __init__(self, feed: Feed, caller: Caller, wanted: ChangesQuery, cursor: str | None) -> None:
        self._feed = feed
        self._caller = caller
        self._wanted = wanted
        self._ticket: int | None = None
        self.cursor = cursor

    async def read(self, seconds: float) -> Page[Document]:
        """The next page with something in it, as soon as there is one; an empty one after `seconds`, or when the
        server stops."""
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        while True:
            page = await self._read_on()
            if page.items or page.has_more or self._ticket is None:
                return page
            if not await self._feed.wait(self._caller, self._ticket, max(0.0, until - clock())):
                return page

    async def _read_on(self) -> Page[Document]:
        """A page; `_ticket` is what to wait with when it was the last one, None while there is more."""
        ticket = self._feed.ticket(self._caller)
        page = await self._feed.changes(
            self._caller,
            cursor=self.cursor,
            limit=self._wanted.limit,
            entity_type=self._wanted.entity_type,
            ticket=None if self._ticket is None else ticket,
        )
        self.cursor = page.next_cursor
        self._ticket = None if page.has_more else ticket
        return page
