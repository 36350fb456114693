"""Changes on their way to one device, as far as its credit goes.

No task waits where the device has granted nothing. What the device has just created itself is left out, for it has it,
where that is certain: with a territory of one município there is no other entity of that id.
"""

import asyncio
from typing import Final

import structlog

from eventstore import DATABASE_AWAY
from projections.errors import CursorFromElsewhere
from projections.model import Document
from techdengue.domain.access import Caller
from techdengue.feed import Stopping
from techdengue.http.ports import Feed
from techdengue.http.problems import Problem, invalid_cursor
from techdengue.intake.model import Success

from .messages import MOST_CREDIT, Changes
from .outlet import Outlet

_PAGES: Final = (500, 200, 100, 50, 20, 10, 5, 2, 1)
"""Sizes of pages: few, so that devices whose credit differs ask the same, and one query answers them."""
_MOST_CREATED: Final = 1000
"""Created entities that are remembered until they are met among the changes."""
_WAIT_SECONDS: Final = 600.0
_AWAY_SECONDS: Final = 2.0
_log = structlog.get_logger()


class Outgoing:
    """What changed since the cursor. `work` is run by one task while there is credit."""

    __slots__ = ("_caller", "_created", "_cursor", "_entity_type", "_feed", "_outlet", "_told", "credit", "working")

    def __init__(
        self,
        *,
        caller: Caller,
        feed: Feed,
        outlet: Outlet,
        cursor: str | None,
        entity_type: str | None,
        credit: int,
    ) -> None:
        self._caller = caller
        self._feed = feed
        self._outlet = outlet
        self._cursor = cursor
        self._entity_type = entity_type
        self._told = False
        self._created: set[tuple[str, str]] = set()
        self.credit = credit
        self.working = False

    def grant(self, items: int) -> None:
        """So many items more may be sent. Raises Problem `malformed_frame` where that is more than one may grant."""
        if self.credit + items > MOST_CREDIT:
            raise Problem("malformed_frame", f"The credit is up to {MOST_CREDIT} items", path="/items")
        self.credit += items

    def leave_out(self, created: Success) -> None:
        """The device made this entity: its first version is no news."""
        caller = self._caller
        certain = len(caller.municipios) == 1 and not caller.sees_everything
        if certain and created.version == 1 and len(self._created) < _MOST_CREATED:
            self._created.add((created.entity_type, str(created.entity_id)))

    async def work(self) -> None:
        """Send what changed, and wait for what will, until the credit is spent."""
        while self.credit > 0 and not self._feed.stopping:
            ticket = self._feed.ticket(self._caller)
            try:
                more = await self._send_page(ticket)
            except CursorFromElsewhere as error:
                raise invalid_cursor() from error
            except DATABASE_AWAY as error:
                _log.warning("database_away", error=type(error).__name__)
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            except Stopping:
                break
            if not more and self.credit > 0:
                await self._feed.wait(self._caller, ticket, _WAIT_SECONDS)
        self.working = False

    async def _send_page(self, ticket: int) -> bool:
        """Send the next page; whether there is another."""
        page = await self._feed.changes(
            self._caller,
            cursor=self._cursor,
            limit=next(size for size in _PAGES if size <= self.credit),
            entity_type=self._entity_type,
            ticket=ticket,
        )
        if page.items or page.has_more or not self._told:
            items = [item for item in page.items if not self._is_own(item)] if self._created else page.items
            self.credit -= len(items)
            await self._outlet.tell(Changes(items=items, cursor=page.next_cursor, has_more=page.has_more))
            self._told = True
        self._cursor = page.next_cursor
        return page.has_more

    def _is_own(self, item: Document) -> bool:
        """Whether the device created it and nobody changed it since; it is asked once of each."""
        name = (item.entity_type, str(item.entity_id))
        if name not in self._created:
            return False
        self._created.remove(name)
        return item.version == 1
