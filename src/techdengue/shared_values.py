"""The numbers of metrics, counted by each process of a server for itself and read by all of them together.

Each process writes to a column of its own in memory that they share, so counting takes no lock between processes, and
what a process counted stays when it is killed: the next one in its place counts on.
"""

import mmap
import os
import struct
import threading
import weakref
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import structlog

PLACES: Final = 16_384
"""Numbers of a column; one more is counted privately. Ours are some two thousand."""
_KEY_BYTES: Final = 2 * 1024 * 1024
_HEADER: Final = struct.Struct("=QQ")
_HEADER_BYTES: Final = 4096
_LENGTH: Final = struct.Struct("=I")
_COLUMN_BYTES: Final = _HEADER_BYTES + PLACES * 8 + _KEY_BYTES

log = structlog.get_logger(__name__)


class Key(msgspec.Struct, frozen=True, array_like=True):
    """What names a number in every process."""

    metric: str
    sample: str
    labels: tuple[str, ...]
    """Values of labels, in their order; a bucket's bound is the last."""
    gauge: bool = False
    """Whether it ends with its process; else it only ever grows."""


def encode(key: Key) -> bytes:
    """A key as it is in the memory, and as it is looked for."""
    return msgspec.msgpack.encode(key)


class Column:
    """The numbers of one process. It has one writer, who adds keys and never moves them; anybody may read it."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        keys_at = _HEADER_BYTES + PLACES * 8
        self.numbers = memory[_HEADER_BYTES:keys_at].cast("d")
        self._keys = memory[keys_at:]
        self._known: dict[bytes, int] = {}
        self._read_to = 0

    @property
    def pid(self) -> int:
        """The process that writes it; 0: none."""
        return int(_HEADER.unpack_from(self._memory)[1])

    def settle(self, pid: int) -> None:
        """A process takes the column over, or with 0 leaves it: what counted its present state is 0 then."""
        for raw, place in self.known().items():
            if _decode(raw).gauge:
                self.numbers[place] = 0.0
        _HEADER.pack_into(self._memory, 0, len(self._known), pid)

    def known(self) -> dict[bytes, int]:
        """Where the number of each encoded key is."""
        count = _HEADER.unpack_from(self._memory)[0]
        while len(self._known) < count:
            start = self._read_to + _LENGTH.size
            self._read_to = start + _LENGTH.unpack_from(self._keys, self._read_to)[0]
            self._known[bytes(self._keys[start : self._read_to])] = len(self._known)
        return self._known

    def read(self, raw: bytes) -> float:
        """The number of this key; 0 where it was never counted."""
        place = self.known().get(raw)
        return 0.0 if place is None else self.numbers[place]

    def place(self, raw: bytes) -> int | None:
        """Where the writer counts this key; None when the column is full."""
        place = self.known().get(raw)
        if place is not None:
            return place
        end = self._read_to + _LENGTH.size + len(raw)
        if len(self._known) == PLACES or end > _KEY_BYTES:
            return None
        _LENGTH.pack_into(self._keys, self._read_to, len(raw))
        self._keys[end - len(raw) : end] = raw
        _HEADER.pack_into(self._memory, 0, len(self._known) + 1, self.pid)  # from here on others see it
        return self.known()[raw]


class Board:
    """The columns of a server's processes. Made before they are forked; it goes with the last of them."""

    def __init__(self, processes: int) -> None:
        memory = memoryview(mmap.mmap(-1, processes * _COLUMN_BYTES))
        self.columns = [Column(memory[start : start + _COLUMN_BYTES]) for start in range(0, len(memory), _COLUMN_BYTES)]

    def counted(self) -> Iterator[Key]:
        """Every key that any process has counted, some of them more than once."""
        for column in self.columns:
            yield from map(_decode, list(column.known()))

    def total(self, raw: bytes) -> float:
        """The sum of all processes."""
        return sum(column.read(raw) for column in self.columns)


_decode = msgspec.msgpack.Decoder(Key).decode

_LOCK = threading.Lock()
_VALUES: "weakref.WeakSet[Value]" = weakref.WeakSet()


class _Here:
    """What this process counts on; nothing is shared until it joins a board."""

    board: Board | None = None
    column: Column | None = None


def join(board: Board, number: int) -> None:
    """Count in this column of the board from now on, from where its last process left off.

    What was counted before, by this process or by the one that it was forked from, is not taken along.
    """
    _Here.board, _Here.column = board, board.columns[number]
    _Here.column.settle(os.getpid())
    for value in list(_VALUES):
        value.settle()


class Value:
    """One number of a metric, made and asked by `prometheus_client`. A gauge of mode `mostrecent` is never shared."""

    _multiprocess = False  # that is prometheus_client's own mode, with files

    def __init__(
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: Sequence[str],
        labelvalues: Sequence[str],
        help_text: str,
        *,
        multiprocess_mode: str = "",
        **_more: Any,
    ) -> None:
        own = multiprocess_mode == "mostrecent"
        key = Key(metric=metric_name, sample=name, labels=tuple(labelvalues), gauge=typ == "gauge")
        self._raw = None if own else encode(key)
        self._exemplar: Any = None
        _VALUES.add(self)
        self.settle()

    def settle(self) -> None:
        """Find its place anew."""
        self._numbers: array[float] | memoryview[float] = array("d", (0.0,))
        self._place = 0
        if _Here.column is None or self._raw is None:
            return
        with _LOCK:
            place = _Here.column.place(self._raw)
        if place is None:
            log.warning("metric_not_shared", metric=_decode(self._raw).metric)
        else:
            self._numbers, self._place = _Here.column.numbers, place

    def inc(self, amount: float) -> None:
        """Add to this process's number."""
        with _LOCK:
            self._numbers[self._place] += amount

    def set(self, value: float, timestamp: float | None = None) -> None:
        """Set this process's number."""
        with _LOCK:
            self._numbers[self._place] = value

    def get(self) -> float:
        """The number: of all processes, where it is shared."""
        if _Here.board is None or self._raw is None:
            return self._numbers[self._place]
        return _Here.board.total(self._raw)

    def set_exemplar(self, exemplar: Any) -> None:
        """Keep an exemplar, in this process only."""
        self._exemplar = exemplar

    def get_exemplar(self) -> Any:
        """The exemplar, if there is one."""
        return self._exemplar
