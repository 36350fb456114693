"""Sending a queue over a channel: in order, within a window, and again from the first unanswered after any failure."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from . import wire
from .channel import Alive, Answered, Changed, Channel, Limits, Listen, Open, Outgoing, Postponed
from .errors import LinkError, TokenExpired, TooLarge, Unacceptable, Unreachable
from .observer import Observer
from .race import race
from .retry import Patience

_LONGEST: Final = 1000
"""Operations: the most that are unanswered, whatever the server allows."""
_LOOK_AGAIN_SECONDS: Final = 10.0
"""How often an idle queue is looked at: another process may have put something in."""


class Source(Protocol):
    """What is sent. An operation stays until it is settled or given up."""

    def waiting(self) -> bool:
        """Whether anything is not settled."""
        ...

    def take(self, operations: int, size: int) -> Sequence[Outgoing]:
        """The oldest that were not taken: at most so many, and so many bytes, but one at least where there is one."""
        ...

    def rewind(self) -> None:
        """What was taken and not settled is taken again."""
        ...

    def settle(self, answered: Answered) -> None:
        """Keep what the server said. Raises Unreachable where the answer says nothing of these operations."""
        ...

    def give_up(self, operation: Outgoing, error: LinkError) -> None:
        """The server will not even read this one."""
        ...


class Retry(Protocol):
    """How long to wait after a failure."""

    def remaining(self) -> float:
        """Seconds until the next attempt is due."""
        ...

    def failed(self, error: Unreachable) -> float:
        """Note a failure."""
        ...

    def succeeded(self) -> None:
        """Note that the server answered."""
        ...


class Upload:
    """One source's way to the server, over one channel after another."""

    def __init__(
        self,
        source: Source,
        retry: Retry,
        batch_size: Callable[[], int],
        observer: Observer,
        take_page: Callable[[wire.ChangesPage], None] | None = None,
    ) -> None:
        """`batch_size`: most operations in one piece; `take_page` keeps the changes that a listening channel brings."""
        self.problem = ""
        """What failed last."""
        self.pieces = 0
        """How many were sent."""
        self._source = source
        self._retry = retry
        self._batch_size = batch_size
        self._observer = observer
        self._take_page = take_page
        self._ceiling = _LONGEST
        self._unanswered: dict[int, tuple[Outgoing, float]] = {}
        self._bytes = 0
        self._postponed: Unreachable | None = None
        self._expired = False
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is something new to send."""
        self._wake.set()

    async def push(self, open_channel: Open, patience: Patience) -> float | None:
        """Send until nothing waits; answers None then, or the seconds that patience did not last for.

        Raises LinkError where waiting is vain.
        """
        while self._source.waiting():
            remaining = self._retry.remaining()
            if not await patience.wait(remaining):
                return remaining
            await self.attempt(open_channel, None, patience)
        return None

    async def attempt(self, open_channel: Open, listen: Listen | None, patience: Patience) -> None:
        """One channel, to the end of the source, or with `listen` without end; answers when it failed.

        Raises LinkError where waiting is vain.
        """
        self._unanswered.clear()
        try:
            async with open_channel(listen) as channel:
                self._start_over()
                await race(self._send(channel, patience, forever=listen is not None), self._receive(channel))
        except (TooLarge, Unacceptable) as error:
            self._narrow(error)
        except TokenExpired as error:
            if self._expired:
                self._failed(error)
            self._expired = True
        except Unreachable as error:
            self._failed(error)

    async def _send(self, channel: Channel, patience: Patience, *, forever: bool) -> None:
        while True:
            if self._postponed is not None and not self._unanswered:
                self._failed(self._postponed)
                if not await patience.wait(self._retry.remaining()):
                    return
                self._start_over()
            elif piece := self._next(channel.limits):
                await self._hand_over(channel, piece)
            elif self._unanswered:
                self._wake.clear()
                await self._wake.wait()
            else:
                await channel.finish()
                if not forever:
                    return
                await self._until_something_waits()

    async def _receive(self, channel: Channel) -> None:
        while True:
            match await channel.receive():
                case Answered() as answered:
                    self._settle(answered)
                case Postponed() as postponed:
                    self._forget(postponed.operations)
                    self._postponed = self._postponed or postponed.error
                case Changed(page):
                    if self._take_page is not None:
                        self._take_page(page)
                case Alive():
                    self._retry.succeeded()
            self._wake.set()

    def _next(self, limits: Limits) -> Sequence[Outgoing]:
        """What may be sent now. While anything is unanswered there must be room for a whole piece."""
        if self._postponed is not None:
            return ()
        ceiling = min(limits.operations, self._ceiling) - len(self._unanswered)
        room = limits.bytes - self._bytes
        if ceiling <= 0 or (self._unanswered and room < limits.piece_bytes):
            return ()
        return self._source.take(
            min(ceiling, limits.piece_operations, self._batch_size()), min(room, limits.piece_bytes)
        )

    async def _hand_over(self, channel: Channel, piece: Sequence[Outgoing]) -> None:
        now = asyncio.get_running_loop().time()
        for operation in piece:
            self._unanswered[operation.place] = operation, now
            self._bytes += len(operation.body)
        self.pieces += 1
        await channel.send(piece)

    async def _until_something_waits(self) -> None:
        while not self._source.waiting():
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                    await self._wake.wait()
        self._source.rewind()

    def _settle(self, answered: Answered) -> None:
        now = asyncio.get_running_loop().time()
        waited = [now - sent for _, sent in self._forget(answered.operations)]
        self._source.settle(answered)
        self._retry.succeeded()
        self._ceiling = min(_LONGEST, self._ceiling * 2)
        self._expired = False
        self._observer.answered(answered.answer, waited)

    def _forget(self, operations: Sequence[Outgoing]) -> list[tuple[Outgoing, float]]:
        known = [self._unanswered.pop(each.place) for each in operations if each.place in self._unanswered]
        self._bytes -= sum(len(operation.body) for operation, _ in known)
        return known

    def _start_over(self) -> None:
        self._unanswered.clear()
        self._bytes = 0
        self._postponed = None
        self._source.rewind()

    def _narrow(self, error: TooLarge | Unacceptable) -> None:
        """Something that is under way cannot be read: half of it next time, down to the one at fault."""
        under_way = [operation for operation, _ in self._unanswered.values()]
        if not under_way or getattr(error, "code", None) == "invalid_cursor":
            raise error
        self._ceiling = max(1, len(under_way) // 2)
        if len(under_way) == 1:
            self._source.give_up(under_way[0], error)

    def _failed(self, error: Unreachable) -> None:
        self.problem = str(error)
        self._retry.failed(error)
        self._observer.failed(error)
