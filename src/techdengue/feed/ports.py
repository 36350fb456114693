"""What the feed needs of the log; the composition root puts the readers in."""

from typing import Protocol

from projections.model import Document, Page
from techdengue.domain.access import Caller


class Log(Protocol):
    """The log as its readers see it. Raises what the database raises, and CursorFromElsewhere."""

    async def changes(
        self, caller: Caller, *, cursor: str | None, limit: int, entity_type: str | None
    ) -> Page[Document]:
        """The entities that changed since the cursor, under row-level security with the caller's territory."""

    async def tail(self) -> int:
        """The log's last position."""

    async def identity(self) -> str:
        """Which log this is: cursors, and what processes tell each other, belong to one."""
