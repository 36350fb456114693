"""One device's operations on their way to disk: frame by frame, in the order sent, as many as the window lets wait.

A frame that cannot be recorded now is refused, and so is every later one that was on its way already: operations of one
device take effect in their order. The device begins again with the `seq` that was refused first.
"""

import collections
import time
from collections.abc import Callable

import msgspec
import structlog

from techdengue.domain.access import Caller
from techdengue.domain.operation import OperationKind
from techdengue.domain.times import to_micros
from techdengue.http.budget import BodyBudget
from techdengue.http.ports import Intake
from techdengue.http.problems import Problem, from_intake, problem_object
from techdengue.intake.errors import IntakeError
from techdengue.intake.model import Batch, Success

from .messages import Frame, Refused, Window
from .outlet import Outlet

_log = structlog.get_logger()


class Incoming:
    """Frames that wait for their commit. `work` is run by one task while there are any."""

    __slots__ = (
        "_address",
        "_budget",
        "_bytes",
        "_caller",
        "_device_id",
        "_instance",
        "_intake",
        "_made",
        "_next",
        "_operations",
        "_outlet",
        "_refused",
        "_waiting",
        "_window",
        "working",
    )

    def __init__(
        self,
        *,
        caller: Caller,
        device_id: str,
        intake: Intake,
        budget: BodyBudget,
        outlet: Outlet,
        window: Window,
        instance: str,
        made: Callable[[Success], None],
        address: str | None,
    ) -> None:
        """`made` is told of every entity that the device creates; `address` is the device's."""
        self._address = address
        self._caller = caller
        self._device_id = device_id
        self._intake = intake
        self._budget = budget
        self._outlet = outlet
        self._window = window
        self._instance = instance
        self._made = made
        self._waiting: collections.deque[tuple[Frame, float]] = collections.deque()
        self._operations = self._bytes = 0
        self._next = 1
        self._refused: int | None = None
        """The first frame that was refused, until it comes again."""
        self.working = False

    async def take(self, frame: Frame) -> None:
        """Let a frame wait for its commit. Raises Problem `malformed_frame` (its seq), `window_exceeded`."""
        if self._refused is not None and frame.seq != self._refused:
            if frame.seq < self._refused:
                raise Problem("malformed_frame", f"Begin again with seq {self._refused}", path="/seq")
            await self._refuse_later(frame, self._refused)
            return
        if frame.seq != self._next:
            raise Problem("malformed_frame", f"seq must be {self._next}; this is {frame.seq}", path="/seq")
        operations, size = self._operations + len(frame.operations), self._bytes + frame.size
        if operations > self._window.operations or size > self._window.bytes:
            raise Problem("window_exceeded", "More was sent than the window of `welcome` lets wait for an answer")
        self._next = frame.seq + 1
        self._refused = None
        try:
            self._budget.hold(self._caller.user, frame.size)
        except Problem as problem:
            await self._refuse(frame, problem)
            return
        self._operations, self._bytes = operations, size
        self._waiting.append((frame, time.monotonic()))

    async def work(self) -> None:
        """Commit what waits, one frame after the other, until nothing does."""
        while self._waiting:
            frame, arrived = self._waiting[0]
            recorded = await self._commit(frame, arrived)
            self._drop()
            if not recorded:
                for later in [self._drop() for _ in range(len(self._waiting))]:
                    await self._refuse_later(later, frame.seq)
        self.working = False

    def abandon(self) -> None:
        """Nobody waits for an answer any more."""
        while self._waiting:
            self._drop()

    async def _commit(self, frame: Frame, arrived: float) -> bool:
        """Commit a frame and answer it; whether it was recorded. Raises Problem `device_taken`."""
        batch = Batch(
            caller=self._caller,
            device_id=self._device_id,
            operations=frame.operations,
            arrived=arrived,
            size=frame.size,
            batch_id=frame.batch_id,
            sent_at=None if frame.sent_at is None else to_micros(frame.sent_at),
            address=self._address,
        )
        try:
            answer = await self._intake.submit(batch)
        except IntakeError as error:
            problem = from_intake(error)
            if problem.code == "device_taken":
                raise problem from error  # to send it again would be in vain
            await self._refuse(frame, problem)
        except Exception as error:  # noqa: BLE001 - the frame's failure, not the connection's
            _log.error("frame_failed", device_id=self._device_id, exc_info=error)
            await self._refuse(frame, Problem("internal_error", "An unexpected failure"))
        else:
            for success in answer.successes:
                if success.operation is OperationKind.CREATE:
                    self._made(success)
            head = b'{"type":"results","seq":%d,"acknowledged":%d,' % (frame.seq, frame.seq)
            await self._outlet.write(head + msgspec.json.encode(answer)[1:])
            return True
        return False

    def _drop(self) -> Frame:
        frame, _ = self._waiting.popleft()
        self._operations -= len(frame.operations)
        self._bytes -= frame.size
        self._budget.release(self._caller.user, frame.size)
        return frame

    async def _refuse(self, frame: Frame, problem: Problem) -> None:
        self._refused = self._next = frame.seq
        await self._outlet.tell(Refused(seq=frame.seq, problem=problem_object(problem, self._instance)))

    async def _refuse_later(self, frame: Frame, first: int) -> None:
        problem = Problem("earlier_frame_refused", f"Begin again with seq {first}")
        await self._outlet.tell(Refused(seq=frame.seq, problem=problem_object(problem, self._instance)))
