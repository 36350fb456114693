"""`POST /api/sync/stream`: an operation log of any length, read as it arrives, each operation answered once on disk.

Two tasks: one reads and gathers, the other commits what has gathered and answers it. One piece of a stream is on its
way to disk at a time, so operations take effect in the order sent; meanwhile the next one gathers, and when that is
full nothing more is read: TCP slows the sender. So memory does not grow with the log.
"""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar.response.base import ASGIResponse

from techdengue import telemetry
from techdengue.domain.times import to_micros, to_rfc3339
from techdengue.intake.errors import AnswerTooLarge, IntakeError, Overloaded
from techdengue.intake.model import Batch, Malformed, SyncAnswer
from techdengue.intake.off_loop import off_loop

from . import media
from .answer_lines import Operation, answer_lines, last_line, problem_line
from .batch import decode_operation
from .body import Unpacker, unpacker
from .call import Call, bearer, check_device_id
from .edge import ABORT_KEY, DUPLEX_KEY, REQUEST_ID_KEY
from .lines import LONGEST_LINE, Gathering, Line, Splitter
from .problems import Problem, from_intake, token_expired
from .roles import require_device

_TOO_LONG: Final = Malformed(message=f"The line has more than {LONGEST_LINE:,} bytes", path="")
_LONGEST_BATCH_ID: Final = 255
_HEADERS: Final = [(b"content-type", media.NDJSON.encode()), (b"cache-control", b"no-store")]
_log = structlog.get_logger()


async def send_stream(call: Call) -> ASGIResponse:
    """`POST /api/sync/stream`."""
    media.check_lines(call.header(b"content-type"))
    unpacking = unpacker(call.header(b"content-encoding"), call.services.settings.max_inflation)
    named = call.header(b"x-device-id")
    if not named:
        raise Problem("device_required", "X-Device-ID is missing: a stream names its device there")
    batch = Batch(
        caller=call.caller,
        device_id=check_device_id(named),
        operations=(),
        arrived=time.monotonic(),
        size=0,
        batch_id=_batch_id(call.header(b"x-batch-id")),
        sent_at=_sent_at(call.header(b"x-sent-at")),
        address=call.address,
    )
    require_device(call.caller, await call.services.readers.device_owner(batch.device_id))
    call.takes_its_time()
    return Stream(call, batch, unpacking)


class Stream(ASGIResponse):
    """The answer: begun at once, a line for each operation, and one that says how it ended."""

    def __init__(self, call: Call, batch: Batch, unpacking: Unpacker) -> None:
        self.status_code = 200
        self._call = call
        self._batch = batch
        self._unpacking = unpacking
        self._splitter = Splitter()
        self._gathering = Gathering()
        self._processed = 0
        self._committing = self._held = 0
        """Bytes on their way to disk, and bytes that the budget of their user counts."""
        self.admission = call.admission
        self.token = bearer(call.header(b"authorization"))
        self.device_id = batch.device_id
        self.checked_at = batch.arrived

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read, commit and answer until the end of the body."""
        scope[DUPLEX_KEY] = True
        await send({"type": "http.response.start", "status": self.status_code, "headers": _HEADERS})
        try:
            await self._send(send, b"")
            await self._send(send, await self._converse(send, f"urn:techdengue:request:{scope[REQUEST_ID_KEY]}"))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            _log.warning("reader_too_slow", device_id=self.device_id, processed=self._processed)
            if (abort := scope.get(ABORT_KEY)) is not None:
                abort()

    def look(self, now: float) -> None:
        """A stream may be silent for as long as its token is good."""

    def end(self, problem: Problem) -> None:
        """Take nothing more; what is on its way to disk is answered."""
        self._gathering.break_off(problem)

    async def _converse(self, send: Any, instance: str) -> bytes:
        """Read, commit and answer; answers the last line. Raises TimeoutError where answers are not read."""
        reading = asyncio.create_task(self._read())
        try:
            with self._call.services.keeper.keeping(self, telemetry.STREAMS_OPEN):
                timestamp = await self._answer(send)
            return last_line(self._processed, timestamp)
        except Problem as problem:
            return problem_line(problem, instance, self._processed)
        except IntakeError as error:
            return problem_line(from_intake(error), instance, self._processed)
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            self._call.services.bodies.release(self._batch.caller.user, self._held)

    async def _read(self) -> None:
        """Gather lines until the body ends, is broken, or the client leaves."""
        splitter, gathering = self._splitter, self._gathering
        try:
            async for chunk in self._call.chunks():
                for piece in self._unpacking.feed(chunk):
                    for line in splitter.feed(piece):
                        await gathering.put(line)
                await self._hold()
            self._unpacking.finish()
            for line in splitter.finish():
                await gathering.put(line)
            gathering.end()
        except Problem as problem:
            gathering.end(problem)
        except Exception as error:  # noqa: BLE001 - whoever commits must not wait for a reader that is gone
            _log.error("stream_reading_failed", device_id=self.device_id, exc_info=error)
            gathering.end(Problem("internal_error", "An unexpected failure"))

    async def _hold(self) -> None:
        """Count what this stream has in memory as its user's; waits while the user has too much."""
        if (more := self._uncounted) > 0:
            await self._call.services.bodies.hold_when_free(self._batch.caller.user, more)
            self._held += more
        self._let_go()

    def _let_go(self) -> None:
        """Count no more what is in memory no more."""
        if (less := -self._uncounted) > 0:
            self._call.services.bodies.release(self._batch.caller.user, less)
            self._held -= less

    @property
    def _uncounted(self) -> int:
        return self._splitter.held + self._gathering.held + self._committing - self._held

    async def _answer(self, send: Any) -> str:
        """Commit and answer what gathers, to the end; answers the time of the last commit."""
        timestamp = to_rfc3339(time.time_ns() // 1000)
        while lines := await self._gathering.take():
            async for operations, answer in self._commit(lines):
                await self._send(send, answer_lines(operations, answer, self._processed))
                self._processed += len(operations)
                timestamp = answer.server_timestamp
        return timestamp

    async def _commit(self, lines: Sequence[Line]) -> AsyncIterator[tuple[Sequence[Operation], SyncAnswer]]:
        """Commit lines as one batch; as halves, one after the other, where that is too much, or fails."""
        self._committing = size = sum(len(line or b"") for line in lines)
        batch = self._batch_of(await off_loop(size, _decode, lines), size)
        pending = [batch]
        while pending:
            batch = pending.pop()
            try:
                answer = await self._submit(batch)
            except (Problem, IntakeError) as error:
                if len(batch.operations) == 1 or not isinstance(error, AnswerTooLarge):
                    raise
                pending += _halves(batch)
            except Exception as error:
                if len(batch.operations) == 1:
                    _log.error("stream_operation_failed", device_id=batch.device_id, exc_info=error)
                    raise Problem("internal_error", "An unexpected failure") from error
                pending += _halves(batch)
            else:
                yield batch.operations, answer
        self._committing = 0
        self._let_go()

    def _batch_of(self, operations: tuple[Operation, ...], size: int) -> Batch:
        """A piece that arrives now: the device's clock has gone on since the stream began, as ours has."""
        now, sent_at = time.monotonic(), self._batch.sent_at
        if sent_at is not None:
            sent_at += round((now - self._batch.arrived) * 1_000_000)
        return msgspec.structs.replace(self._batch, operations=operations, arrived=now, size=size, sent_at=sent_at)

    async def _submit(self, batch: Batch) -> SyncAnswer:
        """Commit a piece; whoever is told to come back later does."""
        while True:
            if time.time() >= self.admission.expires:
                raise token_expired()
            try:
                return await self._call.services.intake.submit(batch)
            except Overloaded as error:
                await self._gathering.pause(error.retry_after)

    async def _send(self, send: Any, body: bytes) -> None:
        async with asyncio.timeout(self._call.services.settings.reader_seconds):
            await send({"type": "http.response.body", "body": body, "more_body": True})


def _decode(lines: Sequence[Line]) -> tuple[Operation, ...]:
    return tuple(_TOO_LONG if line is None else decode_operation(line) for line in lines)


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    """The later half, and the earlier one, which is to be committed first."""
    middle, size = len(batch.operations) // 2, batch.size // 2
    return (
        msgspec.structs.replace(batch, operations=batch.operations[middle:], size=size),
        msgspec.structs.replace(batch, operations=batch.operations[:middle], size=size),
    )


def _batch_id(text: str) -> str | None:
    if len(text) > _LONGEST_BATCH_ID or "\x00" in text:
        raise Problem("invalid_parameter", "A batch id has up to 255 characters, none of them NUL", path="/X-Batch-ID")
    return text or None


def _sent_at(text: str) -> int | None:
    if not text:
        return None
    try:
        return to_micros(msgspec.convert(text, Annotated[dt.datetime, msgspec.Meta(tz=True)]))
    except (msgspec.ValidationError, OverflowError) as error:
        raise Problem(
            "invalid_parameter", "X-Sent-At is a time with its offset (RFC 3339)", path="/X-Sent-At"
        ) from error
