"""Pushing an operation log from a file: NDJSON, one operation of `POST /api/sync` a line.

A run that was cut is run again: the same lines have the same keys, and the server answers those as already processed.
So is a log whose bad lines were corrected or taken out: a line's key does not depend on where it stands.
"""

import asyncio
import random
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from .carriers import opener
from .channel import Answered, Carrier, Outgoing
from .clock import Clock, SystemClock
from .errors import LinkError, TooLarge, Unreachable
from .link import Link, TokenSource
from .observer import Observer
from .retry import Patience, Sleep, backoff
from .transport import HttpTransport, Transport
from .upload import Upload

LARGEST_BATCH: Final = 500
NO_OBJECT: Final = "invalid_line"
"""The code of a line that is no JSON object."""
_KEYS: Final = uuid.UUID("6d0cf6f1-5f37-5b0e-9a0e-2f6f3f0f6a51")
"""Namespace of the keys of lines that bring none."""


class RefusedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that the server, or this program, would not take. Lines count from 1."""

    line: int
    code: str
    message: str
    path: str | None = None
    idempotency_key: str | None = None


class LogProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a log has come."""

    line: int
    """The last line that is dealt with."""
    acknowledged: int
    repeated: int
    refused: int


class LogReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a log. With a `problem` it is not at its end: run it again."""

    lines: int
    outcomes: dict[str, int]
    repeated: int
    refused: list[RefusedLine]
    problem: str | None = None

    @property
    def acknowledged(self) -> int:
        """Operations that are on the server's disk."""
        return sum(self.outcomes.values())

    @property
    def is_no_log(self) -> bool:
        """Whether not one line was a JSON object: most likely another kind of file."""
        untouched = not self.lines and self.problem is None
        return untouched and bool(self.refused) and all(refused.code == NO_OBJECT for refused in self.refused)


class Line(msgspec.Struct, frozen=True):
    """An operation of the log; `place` is its line, from 1."""

    place: int
    key: str | None
    body: bytes


async def push_log(
    lines: Iterable[bytes | str],
    base_url: str,
    device_id: str,
    token: TokenSource,
    *,
    carrier: Carrier = Carrier.HTTP,
    batch_size: int = LARGEST_BATCH,
    patience: float = 600.0,
    progress: Callable[[LogProgress], None] | None = None,
    transport: Transport | None = None,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
    observer: Observer | None = None,
) -> LogReport:
    """Send every line, in order. `patience` is how many seconds may be spent on waiting for the server.

    The log may be of any length: no more than the unanswered lines are in memory, and 32 bytes of each line without
    a key. An operation without an `idempotency_key` gets one made of device, content and how many equal lines come
    before. Raises Unauthorized, Forbidden or UnexpectedAnswer.
    """
    used = transport or HttpTransport()
    link = Link(used, base_url, device_id, token)
    log = _Log(progress)
    log.read(_read(lines, device_id, log))
    largest = min(batch_size, LARGEST_BATCH)
    upload = Upload(log, _Backoff(), lambda: largest, observer or Observer())
    try:
        remaining = await upload.push(opener(carrier, link, clock or SystemClock()), Patience(patience, sleep))
    finally:
        if transport is None:
            await used.close()
    return log.report(problem=None if remaining is None else upload.problem)


class _Log:
    """A Source: lines as they are read, and what was said of each. What is not settled is remembered, no more."""

    def __init__(self, progress: Callable[[LogProgress], None] | None) -> None:
        self._progress = progress
        self._lines: Iterator[Line] = iter(())
        self._next: Line | None = None
        self._again: deque[Line] = deque()
        self._unsettled: dict[int, Line] = {}
        self._outcomes: Counter[str] = Counter()
        self._repeated = 0
        self._line = 0
        self._refused: list[RefusedLine] = []

    def read(self, lines: Iterator[Line]) -> None:
        """Where lines come from."""
        self._lines = lines

    def waiting(self) -> bool:
        """Whether the log is not at its end."""
        return bool(self._unsettled) or self._peek() is not None

    def take(self, operations: int, size: int) -> Sequence[Line]:
        """The next lines."""
        batch: list[Line] = []
        while len(batch) < operations and (line := self._peek()) is not None:
            size -= len(line.body) + 1
            if size < 0 and batch:
                break
            batch.append(self._advance(line))
        return batch

    def rewind(self) -> None:
        """From the first that is not settled."""
        self._again = deque(sorted(self._unsettled.values(), key=lambda line: line.place))

    def settle(self, answered: Answered) -> None:
        """Count an answer. Raises Unreachable for one that says too little."""
        batch = [self._unsettled[each.place] for each in answered.operations]
        answer = answered.answer
        if answer.processed != len(batch):
            raise Unreachable(f"{len(batch)} operations were sent, {answer.processed} were answered")
        self._outcomes.update(answer.outcomes)
        self._repeated += answer.repeated
        for refused in answer.errors:
            self.refuse(batch[refused.index], refused.code, refused.message, refused.path)
        self._done(batch)

    def give_up(self, operation: Outgoing, error: LinkError) -> None:
        """A line that the server will not even read."""
        line = self._unsettled[operation.place]
        self.refuse(line, "too_large" if isinstance(error, TooLarge) else "unacceptable", str(error))
        self._done([line])

    def refuse(self, line: Line, code: str, message: str, path: str | None = None) -> None:
        """Note a line that was not taken."""
        self._refused.append(
            RefusedLine(line=line.place, code=code, message=message, path=path, idempotency_key=line.key)
        )

    def report(self, *, problem: str | None) -> LogReport:
        """What became of the log so far."""
        return LogReport(
            lines=self._line,
            outcomes=dict(self._outcomes),
            repeated=self._repeated,
            refused=sorted(self._refused, key=lambda refused: refused.line),
            problem=problem,
        )

    def _peek(self) -> Line | None:
        if self._again:
            return self._again[0]
        if self._next is None:
            self._next = next(self._lines, None)
        return self._next

    def _advance(self, line: Line) -> Line:
        if self._again:
            self._again.popleft()
        else:
            self._next = None
        self._unsettled[line.place] = line
        return line

    def _done(self, batch: Sequence[Line]) -> None:
        for line in batch:
            del self._unsettled[line.place]
        self._line = max(self._line, batch[-1].place)
        if self._progress is not None:
            self._progress(
                LogProgress(
                    line=self._line,
                    acknowledged=self._outcomes.total(),
                    repeated=self._repeated,
                    refused=len(self._refused),
                )
            )


class _Backoff:
    """A Retry that nobody remembers: a log is pushed in one go."""

    def __init__(self) -> None:
        self._rng = random.SystemRandom()
        self._attempts = 0
        self._wait = 0.0

    def remaining(self) -> float:
        """The wait after the last failure, once."""
        wait, self._wait = self._wait, 0.0
        return wait

    def failed(self, error: Unreachable) -> float:
        """Longer each time."""
        self._attempts += 1
        self._wait = backoff(self._attempts, self._rng, retry_after=error.retry_after)
        return self._wait

    def succeeded(self) -> None:
        """From the beginning."""
        self._attempts = 0


def _read(lines: Iterable[bytes | str], device_id: str, log: _Log) -> Iterator[Line]:
    """The lines that are operations by their looks; empty ones are passed over, others refused."""
    name = _namer(device_id)
    for number, text in enumerate(lines, start=1):
        raw = (text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text).strip()
        if not raw:
            continue
        try:
            fields = msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            log.refuse(Line(number, None, raw), NO_OBJECT, f"not a JSON object: {error}")
            continue
        if "idempotency_key" not in fields:
            fields["idempotency_key"] = name(raw.decode("utf-8"))
            raw = msgspec.json.encode(fields)
        key = fields["idempotency_key"]
        yield Line(number, key if isinstance(key, str) else None, raw)


def _namer(device_id: str) -> Callable[[str], str]:
    """Gives each line of a log its key: a second line of the same content is a second operation."""
    seen: Counter[uuid.UUID] = Counter()

    def name(content: str) -> str:
        first = uuid.uuid5(_KEYS, f"{device_id}\n{content}")
        before, seen[first] = seen[first], seen[first] + 1
        return str(uuid.uuid5(first, str(before)) if before else first)

    return name
