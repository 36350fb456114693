"""One device's WebSocket, from its hello to its close.

The connection's own task reads. Others run only while there is something to do: one commits operations, one sends
changes or waits for them. A problem of any of them ends all: it is told in a message, and in the close.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Never

import structlog

from eventstore import DATABASE_AWAY
from techdengue import telemetry
from techdengue.audit import Action, Entry
from techdengue.domain.registry import ENTITY_TYPES
from techdengue.domain.times import to_rfc3339
from techdengue.http.auditing import record
from techdengue.http.call import check_device_id
from techdengue.http.faults import no_such_type
from techdengue.http.ports import Admission
from techdengue.http.problems import Problem, database_away, problem_object, token_expired
from techdengue.http.roles import LEAST_ROLE, require, require_device
from techdengue.http.services import Services
from techdengue.intake.model import Success
from techdengue.intake.off_loop import off_loop

from .close_codes import CLOSE_CODES
from .incoming import Incoming
from .messages import LARGEST_FRAME, Credit, Frame, Heartbeat, Hello, Token, Trouble, Welcome, Window, read_message
from .outgoing import Outgoing
from .outlet import Gone, Outlet

HELLO_SECONDS: Final = 10.0
SILENT_HEARTBEATS: Final = 3
_CLOSE_SECONDS: Final = 5.0
_WINDOW: Final = Window()
_log = structlog.get_logger()

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


async def converse(
    services: Services,
    admission: Admission,
    token: str,
    receive: Receive,
    send: Send,
    instance: str,
    address: str | None = None,
) -> int:
    """Serve an accepted socket until it ends; answers the close code. `token` is the one that was admitted."""
    connection = Connection(services, admission, token, receive, send, instance, address)
    try:
        async with asyncio.TaskGroup() as tasks:
            await connection.run(tasks)
    except ExceptionGroup as group:
        return await connection.finish(_leaves(group))
    finally:
        connection.abandon()


class Connection:
    """A device with an open socket."""

    __slots__ = (
        "_address",
        "_heard_at",
        "_incoming",
        "_instance",
        "_outgoing",
        "_outlet",
        "_receive",
        "_send",
        "_services",
        "_tasks",
        "admission",
        "checked_at",
        "device_id",
        "token",
    )

    def __init__(
        self,
        services: Services,
        admission: Admission,
        token: str,
        receive: Receive,
        send: Send,
        instance: str,
        address: str | None,
    ) -> None:
        self._services = services
        self._address = address
        self._receive = receive
        self._send = send
        self._instance = instance
        self._outlet = Outlet(send, services.settings.reader_seconds)
        self._incoming: Incoming | None = None
        self._outgoing: Outgoing | None = None
        self._tasks: asyncio.TaskGroup
        self._heard_at = time.monotonic()
        self.admission = admission
        self.token = token
        self.device_id = ""
        self.checked_at = time.monotonic()

    async def run(self, tasks: asyncio.TaskGroup) -> Never:
        """Greet, and listen until the end. Raises Problem, or Gone where the device has left."""
        self._tasks = tasks
        with self._services.keeper.keeping(self, telemetry.SOCKETS_OPEN):
            await self._greet(await self._hear_hello())
            while True:
                await self._heed(await self._hear())

    def look(self, now: float) -> None:
        """What time brings: `now` is `time.monotonic()`."""
        heartbeat = self._services.settings.heartbeat_seconds
        if self._incoming is None:  # its hello has a time of its own
            return
        if now - self._heard_at > SILENT_HEARTBEATS * heartbeat:
            self.end(Problem("device_silent", f"Nothing was heard for {SILENT_HEARTBEATS * heartbeat:g} s"))
        elif now - self._outlet.sent_at >= heartbeat:
            self._outlet.sent_at = now
            self._start(self._outlet.tell(Heartbeat(server_timestamp=_now())))

    def end(self, problem: Problem) -> None:
        """Close the connection for this reason."""
        self._start(_raise(problem))

    def abandon(self) -> None:
        """Let go of what waits."""
        if self._incoming is not None:
            self._incoming.abandon()

    async def finish(self, reasons: list[Exception]) -> int:
        """Tell the device why, close, and answer the close code; nothing is told to one that has left."""
        for reason in reasons:
            if isinstance(reason, Gone):
                return reason.code
        problem = next((reason for reason in reasons if isinstance(reason, Problem)), None)
        if problem is None:
            _log.error("socket_failed", exc_info=reasons[0])
            problem = Problem("internal_error", "An unexpected failure")
        code = CLOSE_CODES[problem.code]
        with contextlib.suppress(TimeoutError, Problem, Gone, OSError, RuntimeError):  # it has gone, or does not read
            async with asyncio.timeout(_CLOSE_SECONDS):
                if problem.code != "reader_too_slow":
                    await self._outlet.tell(Trouble(problem=problem_object(problem, self._instance)))
                await self._send({"type": "websocket.close", "code": code, "reason": problem.code})
        return code

    async def _hear_hello(self) -> Hello:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                first = await self._hear()
        except TimeoutError as error:
            raise Problem("device_silent", f"No hello came within {HELLO_SECONDS:g} s") from error
        if not isinstance(first, Hello):
            raise Problem("malformed_frame", "The first message is a hello", path="/type")
        return first

    async def _hear(self) -> Hello | Frame | Credit | Token | Heartbeat:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise Gone(message.get("code") or 1005)
        text = message.get("text")
        if text is None:
            raise Problem("malformed_frame", "Messages are text, not binary")
        raw = text.encode("utf-8", "surrogatepass")
        if len(raw) > LARGEST_FRAME:
            raise Problem("body_too_large", f"A frame has up to {LARGEST_FRAME:,} bytes")
        self._heard_at = time.monotonic()
        return await off_loop(len(raw), read_message, raw)

    async def _greet(self, hello: Hello) -> None:
        services, caller = self._services, self.admission.caller
        self.device_id = check_device_id(hello.device_id)
        if hello.entity_type is not None and hello.entity_type not in ENTITY_TYPES:
            raise Problem("invalid_parameter", no_such_type(hello.entity_type), path="/entity_type")
        try:
            require_device(caller, await services.readers.device_owner(self.device_id))
        except Problem as problem:
            services.audit.note(self._entry(problem.status, problem.code))
            raise
        except DATABASE_AWAY as error:
            _log.warning("database_away", error=type(error).__name__)
            raise database_away() from error
        if hello.changes:
            await record(services, self._entry(200))
        structlog.contextvars.bind_contextvars(device_id=self.device_id)
        await self._outlet.tell(
            Welcome(
                device_id=self.device_id,
                window=_WINDOW,
                heartbeat_seconds=services.settings.heartbeat_seconds,
                token_expires_at=to_rfc3339(int(self.admission.expires * 1_000_000)),
                server_timestamp=_now(),
            )
        )
        self._incoming = Incoming(
            caller=caller,
            device_id=self.device_id,
            intake=services.intake,
            budget=services.bodies,
            outlet=self._outlet,
            window=_WINDOW,
            instance=self._instance,
            made=self._leave_out,
            address=self._address,
        )
        if hello.changes:
            self._outgoing = Outgoing(
                caller=caller,
                feed=services.feed,
                outlet=self._outlet,
                cursor=hello.cursor,
                entity_type=hello.entity_type,
                credit=hello.credit,
            )
            self._send_changes(self._outgoing)

    def _entry(self, status: int, code: str | None = None) -> Entry:
        """Of the audit trail: that this device follows the changes of its territory, or may not."""
        caller = self.admission.caller
        return Entry(
            action=Action.FOLLOW_CHANGES,
            status=status,
            user=caller.user,
            role=caller.role.value,
            device_id=self.device_id,
            target_type="territory",
            municipios=tuple(sorted(caller.municipios)),
            address=self._address,
            request_id=self._instance.rpartition(":")[2],
            code=code,
        )

    async def _heed(self, message: Hello | Frame | Credit | Token | Heartbeat) -> None:
        match message:
            case Frame():
                await self._take(message)
            case Credit():
                if self._outgoing is None:
                    raise Problem("malformed_frame", "The hello wanted no changes", path="/type")
                self._outgoing.grant(message.items)
                self._send_changes(self._outgoing)
            case Token():
                await self._renew(message.token)
            case Hello():
                raise Problem("malformed_frame", "There is one hello, and it comes first", path="/type")
            case Heartbeat():
                pass

    async def _take(self, frame: Frame) -> None:
        if time.time() >= self.admission.expires:
            raise token_expired()
        incoming = self._incoming
        assert incoming is not None  # noqa: S101 - made by the hello
        await incoming.take(frame)
        if not incoming.working:
            incoming.working = True
            self._start(incoming.work())

    def _leave_out(self, made: Success) -> None:
        if self._outgoing is not None:
            self._outgoing.leave_out(made)

    def _send_changes(self, outgoing: Outgoing) -> None:
        if outgoing.credit > 0 and not outgoing.working:
            outgoing.working = True
            self._start(outgoing.work())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            self._tasks.create_task(work)
        except RuntimeError:  # the connection is ending already
            work.close()

    async def _renew(self, token: str) -> None:
        admission = await self._services.verifier.admit(token.strip())
        least = LEAST_ROLE["sync_ws"]
        if least is not None:
            require(admission.caller, least)
        before = self.admission.caller
        if (admission.caller.user, admission.caller.municipios) != (before.user, before.municipios):
            raise Problem("token_mismatch", "The token is of another user or territory")
        self.admission, self.token = admission, token.strip()


async def _raise(problem: Problem) -> Never:
    raise problem


def _leaves(group: ExceptionGroup[Any]) -> list[Exception]:
    found: list[Exception] = []
    for each in group.exceptions:
        found += _leaves(each) if isinstance(each, ExceptionGroup) else [each]
    return found


def _now() -> str:
    return to_rfc3339(time.time_ns() // 1000)
