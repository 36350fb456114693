"""Streams folded one after the other, each to its head.

A plain life is folded in place, from the columns of its rows. The first event that is more than that makes a State of
it, which the resolver takes on from there.
"""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from eventstore import EventStore, Head, StreamEvent, StreamRow, stream_event
from techdengue.domain.operation import ConflictType, OperationKind, Outcome
from techdengue.domain.payload import decode_bare_payload, decode_metadata
from techdengue.domain.times import EPOCH, from_micros
from techdengue.resolver import ABSENT, PlainLife, State, Verdict, document, encode_state

from .errors import ReplayDiverged
from .folding import fold_whole
from .replay import PastNeeded, StreamFold, compare

_NOTHING_NOTED: Final = b"{}"
_APPLIED: Final = Outcome.APPLIED
_RECORDED_AS_APPLIED: Final = _APPLIED.value
_CREATE: Final = OperationKind.CREATE
_UPDATE: Final = OperationKind.UPDATE
_span: Final = dt.timedelta
_encode: Final = msgspec.json.Encoder().encode

Place = tuple[str, str]
"""(tenant, stream)."""


class Rebuilt(msgspec.Struct, frozen=True):
    """What the log makes of a stream: its head, or why it does not replay."""

    place: Place
    head: Head | None
    reason: str = ""


class Streams:
    """Folds all streams of a log, whose events come in their order."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._last: StreamRow | None = None
        self._made: PlainLife | StreamFold | str | None = None
        """Of the events of the last one's stream, up to it; or why they do not replay. None before the first."""

    async def fold(self, rows: Sequence[StreamRow], reading: asyncio.Task[Any]) -> list[Rebuilt]:
        """Fold a page, and answer the streams that have ended in it. `reading` has the connection meanwhile."""
        ended: list[Rebuilt] = []
        last = self._last
        for row in rows:
            if last is None or row[1] != last[1] or row[0] != last[0]:
                if last is not None:
                    ended.append(self._end(last))
                self._made = None
            last = row
            try:
                if not self._live(row):
                    self._resolve(row)
            except PastNeeded:
                await asyncio.wait({reading})
                await self._fold_again(stream_event(row))
            except ReplayDiverged as error:
                self._made = str(error)
        self._last = last
        return ended

    def end(self) -> list[Rebuilt]:
        """The stream that is being folded, which has no more events; none before the first."""
        return [] if self._last is None else [self._end(self._last)]

    def _end(self, last: StreamRow) -> Rebuilt:
        place, made = last[:2], self._made
        if isinstance(made, PlainLife):
            return Rebuilt(place, _head_of_life(last, made))
        if isinstance(made, StreamFold):
            return Rebuilt(place, _head_of_state(stream_event(last), made.state))
        return Rebuilt(place, None, made or "")

    def _live(self, row: StreamRow) -> bool:
        """Whether the event is one of a plain life, which has taken it then. Raises ReplayDiverged.

        Most events of a log come no further than here, hence its length: every call from here costs a hundredth.
        """
        _, _, sequence, version, _, _, writer, key, recorded, rule_set, occurred_at, recorded_at, raw, noted = row
        made = self._made
        if version != sequence or rule_set not in PlainLife.rule_sets:
            return False
        payload = decode_bare_payload(raw)
        data = payload.data
        if data is None or payload.resolves is not None or payload.seals:
            return False
        if made is None and sequence == 1 and payload.operation is _CREATE:
            self._made = PlainLife.begin(writer, key, occurred_at, recorded_at, data)
            outcome = None if self._made is None else _APPLIED
        elif made.__class__ is PlainLife and sequence == made.sequence + 1 and payload.operation is _UPDATE:
            outcome = made.update(writer, key, occurred_at, recorded_at, data, payload.strategy, payload.base_version)
        else:
            return False
        if outcome is None:
            return False
        if outcome is not _APPLIED or recorded != _RECORDED_AS_APPLIED or noted != _NOTHING_NOTED:
            conflict = None if outcome is _APPLIED else ConflictType.UPDATE_UPDATE
            compare(stream_event(row), decode_metadata(noted), sequence, Verdict(outcome, conflict))
        return True

    def _resolve(self, row: StreamRow) -> None:
        made = self._made
        if isinstance(made, str):
            return
        if not isinstance(made, StreamFold):
            made = self._made = StreamFold(ABSENT if made is None else made.state())
        made.advance(stream_event(row))

    async def _fold_again(self, event: StreamEvent) -> None:
        """Fold the stream anew, and from here on with every state that its merges may ask for."""
        try:
            self._made = whole = await fold_whole(self._store, event)
            whole.advance(event)
        except PastNeeded:
            self._made = "refers to no earlier event of its stream"
        except ReplayDiverged as error:
            self._made = str(error)


def _head_of_life(last: StreamRow, life: PlainLife) -> Head:
    """Of a plain life's events each was received after the one before, and each made a version."""
    tenant, stream, sequence, version, _, position, _, _, _, _, occurred_at, recorded_at, _, _ = last
    updated_at, at = EPOCH + _span(0, 0, occurred_at), EPOCH + _span(0, 0, recorded_at)  # no two alike: none is kept
    shown = _encode(life.document)
    return Head(tenant, stream, sequence, version, position, updated_at, at, life.encode(), shown)


def _head_of_state(last: StreamEvent, state: State) -> Head:
    shown = document(state)
    return Head(
        tenant=last.tenant,
        stream=last.stream,
        sequence=state.sequence,
        version=state.version,
        position=last.position,
        updated_at=from_micros(state.last.time if state.last else state.clock),
        recorded_at=from_micros(state.received_at),
        state=encode_state(state),
        document=None if shown is None else _encode(shown),
    )
