"""The server's documents onto the device: pages, and the cursor behind each, in one transaction."""

import sqlite3
from collections.abc import Callable
from typing import TypeAlias

from techdengue.domain.operation import EntityId

from . import wire
from .copies import Copies
from .errors import Unacceptable, Unreachable
from .link import Link
from .memory import Memory, transaction
from .model import Copy, Delay, PullReport
from .observer import Observer
from .retry import Patience, RetryState, to_wait

Keeps: TypeAlias = Callable[[str, EntityId], bool]
"""Whether an entity of this type and id that the device does not hold shall be held."""


def keep_all(entity_type: str, entity_id: EntityId) -> bool:
    """What a device does that is not told otherwise."""
    return True


class Download:
    """Where one device is in the server's changes."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        link: Link,
        copies: Copies,
        retry: RetryState,
        observer: Observer,
        keeps: Keeps,
    ) -> None:
        self._connection = connection
        self._link = link
        self._copies = copies
        self._retry = retry
        self._observer = observer
        self._keeps = keeps
        self._memory = Memory(connection)

    @property
    def cursor(self) -> str | None:
        """What was seen last; None before a full download, and after one that must begin anew."""
        return self._memory.recall("cursor")

    @property
    def number(self) -> int:
        """Of the newest full download."""
        return int(self._memory.recall("download") or 0)

    async def pull(self, patience: Patience, limit: int) -> PullReport:
        """Read changes from the cursor to their end. Raises LinkError if waiting is vain."""
        received = pages = 0
        problem = "an earlier attempt failed"
        while True:
            remaining = self._retry.remaining()
            if not await patience.wait(remaining):
                return PullReport(received=received, pages=pages, delay=Delay(problem, to_wait(remaining)))
            try:
                page = await self._link.read_changes(self.cursor, limit)
            except Unacceptable as error:
                self.start_anew(error)
                continue
            except Unreachable as error:
                problem = str(error)
                self._retry.failed(error)
                self._observer.failed(error)
                continue
            self.take(page)
            received, pages = received + len(page.items), pages + 1
            if not page.has_more:
                return PullReport(received=received, pages=pages)

    def start_anew(self, error: Unacceptable) -> None:
        """Forget a cursor that the server does not know. Raises the error where that is not its reason."""
        if error.code != "invalid_cursor" or self.cursor is None:
            raise error
        self._memory.forget("cursor")

    def take(self, page: wire.ChangesPage) -> None:
        """Keep a page."""
        with transaction(self._connection):
            if self.cursor is None:
                self._memory.remember("download", str(self.number + 1))
                self._memory.remember("downloading", "1")
            for entity in page.items:
                self._hold(entity)
            if page.next_cursor is not None:
                self._memory.remember("cursor", page.next_cursor)
            if not page.has_more and self._memory.recall("downloading"):
                self._copies.drop_outlived(self.number)
                self._memory.forget("downloading")
            self._retry.succeeded()
        self._observer.changed(page)

    def _hold(self, entity: wire.ChangedEntity) -> None:
        download = self.number
        held = self._copies.find(entity.entity_type, str(entity.entity_id), entity.municipio_cod_ibge)
        if held is None and not self._keeps(entity.entity_type, entity.entity_id):
            return
        if held is not None and held.version > entity.version and held.download == download:
            return
        self._copies.hold(
            Copy(
                entity_type=entity.entity_type,
                entity_id=entity.entity_id,
                municipio=entity.municipio_cod_ibge,
                version=entity.version,
                data=None if entity.deleted else entity.data,
                download=download,
            )
        )
