"""Who waits for changes of which municípios, and the paced waking of them.

Time is counted in rounds of waking. A ticket is the number of the round in which a territory was last woken; whoever
takes one and then reads sees everything that was announced up to that round.

Under load a round begins at most every `pace` seconds, and not before the one before has woken everybody: changes that
come thick and fast cost one read and not one each. Thousands are woken a slice at a time.
"""

import asyncio
import functools
from collections.abc import Collection
from typing import Final

from techdengue import telemetry

from .slices import Slices

PACE_SECONDS: Final = 0.015
_ALL: Final = "*"
_MOST_WOKEN: Final = 20_000
"""Municípios whose rounds are remembered, several times what there are; more are of a forged message, and wake all."""

Territory = frozenset[str]
"""Municípios by IBGE code, or `{"*"}`."""


class Waiters:
    """Waiting callers by territory, in one event loop."""

    def __init__(self, slices: Slices, *, pace: float = PACE_SECONDS) -> None:
        self._slices = slices
        self._pace = pace
        self.round = 0
        """The number of the latest round."""
        self._woken: dict[str, int] = {}
        self._all_woken = 0
        self._waiting: dict[Territory, set[asyncio.Future[bool]]] = {}
        self._territories: dict[str, set[Territory]] = {}
        self._announced: set[str] = set()
        self._round_began = float("-inf")
        self._planned = False
        self.occupied = asyncio.Event()
        """Set while somebody waits."""
        self.stopped = False

    def ticket(self, territory: Territory) -> int:
        """The round in which this territory was last woken."""
        if _ALL in territory:
            return self.round
        return max((self._woken.get(municipio, self._all_woken) for municipio in territory), default=self._all_woken)

    async def wait(self, territory: Territory, ticket: int, seconds: float) -> bool:
        """Whether the territory was woken after the ticket was taken: True as soon as it is, False after `seconds`.

        False at once where the server is stopping.
        """
        if self.stopped:
            return False
        if self.ticket(territory) > ticket:
            return True
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._enter(territory, future)
        timer = loop.call_later(seconds, _settle, future, False)
        try:
            return await future
        finally:
            timer.cancel()
            self._leave(territory, future)

    def announce(self, municipios: Collection[str]) -> None:
        """Something was committed there (`{"*"}`: who knows where): wake whom it concerns, soon."""
        self._announced.update(municipios)
        if not self._planned and not self.stopped:
            self._plan()

    def stop(self) -> None:
        """End every wait, and let nobody wait again."""
        self.stopped = True
        for futures in self._waiting.values():
            for future in futures:
                _settle(future, False)

    def _enter(self, territory: Territory, future: asyncio.Future[bool]) -> None:
        futures = self._waiting.get(territory)
        if futures is None:
            futures = self._waiting[territory] = set()
            for municipio in territory:
                self._territories.setdefault(municipio, set()).add(territory)
        futures.add(future)
        self.occupied.set()
        telemetry.FEED_WAITING.inc()

    def _leave(self, territory: Territory, future: asyncio.Future[bool]) -> None:
        telemetry.FEED_WAITING.dec()
        futures = self._waiting.get(territory)
        if futures is None:
            return
        futures.discard(future)
        if not futures:
            self._forget(territory)

    def _forget(self, territory: Territory) -> set[asyncio.Future[bool]]:
        for municipio in territory:
            others = self._territories[municipio]
            others.discard(territory)
            if not others:
                del self._territories[municipio]
        futures = self._waiting.pop(territory)
        if not self._waiting:
            self.occupied.clear()
        return futures

    def _plan(self) -> None:
        self._planned = True
        loop = asyncio.get_running_loop()
        loop.call_at(max(loop.time(), self._round_began + self._pace), self._begin_round)

    def _begin_round(self) -> None:
        self._round_began = asyncio.get_running_loop().time()
        self.round += 1
        announced, self._announced = self._announced, set()
        if _ALL in announced or len(self._woken) + len(announced) > _MOST_WOKEN:
            self._woken.clear()
            self._all_woken = self.round
            concerned = set(self._waiting)
        else:
            self._woken.update(dict.fromkeys(announced, self.round))
            concerned = {each for name in (*announced, _ALL) for each in self._territories.get(name, ())}
        woken = [future for territory in concerned for future in self._forget(territory)]
        self._slices.add([functools.partial(_settle, future, True) for future in woken])
        self._slices.add((self._end_round,))

    def _end_round(self) -> None:
        if self._announced:
            self._plan()
        else:
            self._planned = False


def _settle(future: asyncio.Future[bool], woken: bool) -> None:
    if not future.done():
        future.set_result(woken)
