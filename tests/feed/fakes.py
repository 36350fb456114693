"""A log in memory whose reads a test can hold up, and callers."""

import asyncio

from projections.model import Document, Page
from techdengue.domain.access import Caller, Role

CUIABA = "5103403"
VARZEA_GRANDE = "5108402"
EMPTY: Page[Document] = Page(items=[], next_cursor="c", has_more=False)


class FakeLog:
    """Answers `page`, once `going` is set; `error`, if set, is raised instead."""

    def __init__(self) -> None:
        self.going = asyncio.Event()
        self.going.set()
        self.asked: list[tuple[frozenset[str], str | None]] = []
        self.begun = asyncio.Semaphore(0)
        self.under_way = self.most_at_once = 0
        self.looked = asyncio.Semaphore(0)
        self.position = 0
        self.error: Exception | None = None
        self.page = EMPTY

    async def changes(
        self, caller: Caller, *, cursor: str | None, limit: int, entity_type: str | None
    ) -> Page[Document]:
        """Remember what was asked."""
        self.asked.append((caller.municipios, cursor))
        self.begun.release()
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            await asyncio.sleep(0)
            await self.going.wait()
        finally:
            self.under_way -= 1
        if self.error is not None:
            raise self.error
        return self.page

    async def identity(self) -> str:
        """Always the same log."""
        return "log-1"

    async def tail(self) -> int:
        """The position that the test has set."""
        self.looked.release()
        if self.error is not None:
            raise self.error
        return self.position


def caller(*municipios: str, user: str = "ana") -> Caller:
    """Somebody with this territory."""
    return Caller(user=user, role=Role.CAMPO, municipios=frozenset(municipios))
