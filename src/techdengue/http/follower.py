"""A reader of changes who goes on from page to page, and waits where there is none yet."""

import asyncio

from projections.model import Document, Page
from techdengue.domain.access import Caller

from .ports import Feed


class Follower:
    """Reads on from `cursor`, pages of at most `limit`."""

    def __init__(self, feed: Feed, caller: Caller, *, cursor: str | None, limit: int, entity_type: str | None) -> None:
        self._feed = feed
        self._caller = caller
        self._limit = limit
        self._entity_type = entity_type
        self._ticket: int | None = None
        self.cursor = cursor

    async def read(self, seconds: float) -> Page[Document]:
        """The next page with something in it, as soon as there is one; an empty one after `seconds`, or when the
        server stops."""
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        while self._ticket is None or await self._feed.wait(self._caller, self._ticket, max(0.0, until - clock())):
            page = await self._read_on()
            if page.items or page.has_more:
                return page
        return Page(items=[], next_cursor=self.cursor, has_more=False)

    async def _read_on(self) -> Page[Document]:
        """A page; `_ticket` is what to wait with when it was the last one, None while there is more."""
        ticket = self._feed.ticket(self._caller)
        page = await self._feed.changes(
            self._caller,
            cursor=self.cursor,
            limit=self._limit,
            entity_type=self._entity_type,
            ticket=None if self._ticket is None else ticket,
        )
        self.cursor = page.next_cursor
        self._ticket = None if page.has_more else ticket
        return page
