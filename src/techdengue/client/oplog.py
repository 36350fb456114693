"""Pushing an operation log from a file: NDJSON, one operation of `POST /api/sync` a line.

A run that was cut is run again: the same lines have the same keys, and the server answers those as already processed.
So is a log whose bad lines were corrected or taken out: a line's key does not depend on where it stands.
"""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec
import uuid_utils

from techdengue.domain.operation import Outcome

from . import wire
from .clock import Clock, SystemClock, timestamp
from .errors import LinkError, TooLarge, Unacceptable, Unreachable
from .link import Link, TokenSource
from .retry import Patience, Sleep, backoff
from .transport import HttpTransport, Transport

LARGEST_BATCH: Final = 500
NO_OBJECT: Final = "invalid_line"
"""The code of a line that is no JSON object."""
_BATCH_BYTES: Final = 3 * 1024 * 1024
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


class _Line(msgspec.Struct, frozen=True):
    number: int
    key: str | None
    body: bytes


async def push_log(
    lines: Iterable[bytes | str],
    base_url: str,
    device_id: str,
    token: TokenSource,
    *,
    batch_size: int = LARGEST_BATCH,
    patience: float = 600.0,
    progress: Callable[[LogProgress], None] | None = None,
    transport: Transport | None = None,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
) -> LogReport:
    """Send every line, in order and in batches. `patience` is how many seconds may be spent on waiting for the server.

    An operation without an `idempotency_key` gets one made of device, content and how many equal lines come before.
    Raises Unauthorized, Forbidden or UnexpectedAnswer.
    """
    used = transport or HttpTransport()
    link = Link(used, base_url, device_id, token)
    pusher = _Pusher(link, clock or SystemClock(), Patience(patience, sleep), progress)
    try:
        for batch in _batches(_read(lines, device_id, pusher), min(batch_size, LARGEST_BATCH)):
            await pusher.push(batch)
    except Unreachable as error:
        return pusher.report(problem=str(error))
    finally:
        if transport is None:
            await used.close()
    return pusher.report()


class _Pusher:
    def __init__(
        self, link: Link, clock: Clock, patience: Patience, progress: Callable[[LogProgress], None] | None
    ) -> None:
        self._link = link
        self._clock = clock
        self._patience = patience
        self._progress = progress
        self._rng = random.SystemRandom()
        self._outcomes: Counter[str] = Counter()
        self._repeated = 0
        self._line = 0
        self._refused: list[RefusedLine] = []

    async def push(self, batch: list[_Line]) -> None:
        """Send a batch; where the server cannot read it as a whole, its halves, down to the line at fault."""
        try:
            answer = await self._send(batch)
        except (TooLarge, Unacceptable) as error:
            if len(batch) > 1:
                await self.push(batch[: len(batch) // 2])
                await self.push(batch[len(batch) // 2 :])
                return
            self.refuse(batch[0], _code(error), str(error))
        else:
            self._count(batch, answer)
        self._line = batch[-1].number
        if self._progress is not None:
            self._progress(
                LogProgress(
                    line=self._line,
                    acknowledged=self._outcomes.total(),
                    repeated=self._repeated,
                    refused=len(self._refused),
                )
            )

    def refuse(self, line: _Line, code: str, message: str, path: str | None = None) -> None:
        """Note a line that was not taken."""
        self._refused.append(
            RefusedLine(line=line.number, code=code, message=message, path=path, idempotency_key=line.key)
        )

    def report(self, *, problem: str | None = None) -> LogReport:
        """What became of the log so far."""
        return LogReport(
            lines=self._line,
            outcomes=dict(self._outcomes),
            repeated=self._repeated,
            refused=sorted(self._refused, key=lambda refused: refused.line),
            problem=problem,
        )

    async def _send(self, batch: list[_Line]) -> wire.SyncAnswer:
        attempts = 0
        while True:
            try:
                return await self._ask(batch)
            except Unreachable as error:
                attempts += 1
                wait = backoff(attempts, self._rng, retry_after=error.retry_after)
                if not await self._patience.wait(wait):
                    raise

    async def _ask(self, batch: list[_Line]) -> wire.SyncAnswer:
        answer = await self._link.send_operations(
            [line.body for line in batch], batch_id=str(uuid_utils.uuid7()), sent_at=timestamp(self._clock)
        )
        if answer.processed != len(batch):
            raise Unreachable(f"{len(batch)} operations were sent, {answer.processed} were answered")
        return answer

    def _count(self, batch: list[_Line], answer: wire.SyncAnswer) -> None:
        self._outcomes.update(success.status for success in answer.successes)
        self._outcomes.update(Outcome.CONFLICT.value for _ in answer.conflicts)
        self._repeated += sum(each.already_processed for each in answer.acknowledged)
        for refused in answer.errors:
            self.refuse(batch[refused.index], refused.code, refused.message, refused.path)


def _read(lines: Iterable[bytes | str], device_id: str, pusher: _Pusher) -> Iterator[_Line]:
    """The lines that are operations by their looks; empty ones are passed over, others refused."""
    name = _namer(device_id)
    for number, text in enumerate(lines, start=1):
        raw = (text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text).strip()
        if not raw:
            continue
        try:
            fields = msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            pusher.refuse(_Line(number, None, raw), NO_OBJECT, f"not a JSON object: {error}")
            continue
        if "idempotency_key" not in fields:
            fields["idempotency_key"] = name(raw.decode("utf-8"))
            raw = msgspec.json.encode(fields)
        key = fields["idempotency_key"]
        yield _Line(number, key if isinstance(key, str) else None, raw)


def _namer(device_id: str) -> Callable[[str], str]:
    """Gives each line of a log its key: a second line of the same content is a second operation."""
    seen: Counter[uuid.UUID] = Counter()

    def name(content: str) -> str:
        first = uuid.uuid5(_KEYS, f"{device_id}\n{content}")
        before, seen[first] = seen[first], seen[first] + 1
        return str(uuid.uuid5(first, str(before)) if before else first)

    return name


def _batches(lines: Iterator[_Line], operations: int) -> Iterator[list[_Line]]:
    batch: list[_Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == operations or size + len(line.body) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.body) + 1
    if batch:
        yield batch


def _code(error: LinkError) -> str:
    return "too_large" if isinstance(error, TooLarge) else "unacceptable"
