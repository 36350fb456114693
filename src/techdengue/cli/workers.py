"""Several server processes on one port: a parent that starts them, starts them again, and ends them.

The parent serves nothing and runs neither event loop nor thread, so it may fork at any time. Everything is imported by
then: a worker that died is back after a few milliseconds.
"""

import asyncio
import contextlib
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NoReturn

import msgspec
import structlog

from techdengue import telemetry
from techdengue.orphans import end_with_parent
from techdengue.shared_values import Board

from .worker import Worker

log = structlog.get_logger(__name__)

KILL_AFTER_SECONDS: Final = 40.0
"""How long after the signal to stop a worker may still be there."""


class Post(msgspec.Struct, frozen=True):
    """What a worker is given, in its own process."""

    number: int
    """From 1."""
    listener: socket.socket
    lifeline: int
    """A descriptor that becomes readable when the parent is gone."""
    ready: Callable[[], None]
    """To be called once it serves."""

    def watch(self) -> None:
        """Have this process asked to stop when the parent is gone. Call it inside the running loop."""
        loop = asyncio.get_running_loop()

        def leave() -> None:
            loop.remove_reader(self.lifeline)
            log.warning("parent_gone", worker=self.number)
            os.kill(os.getpid(), signal.SIGTERM)

        loop.add_reader(self.lifeline, leave)


Work = Callable[[Post], int]
"""Serves until SIGTERM or SIGINT; answers the exit code, 0 when the end was asked for and clean."""


class WorkerRefused(Exception):
    """A worker ended before it had ever served; it has said why."""

    def __init__(self, code: int) -> None:
        super().__init__(f"a worker ended with {code} before it served")
        self.code = code


class Workers:
    """The parent of one worker for each socket. Sockets may be the same one."""

    def __init__(self, listeners: Sequence[socket.socket], work: Work) -> None:
        self._listeners = listeners
        self._work = work
        self._workers = [Worker(number) for number in range(1, len(listeners) + 1)]
        self._asked_to_stop = False
        self._kill_at: float | None = None
        self._selector = selectors.DefaultSelector()
        self._lifeline = (-1, -1)
        self._board = Board(1 + len(listeners))

    def run(self, ready: Callable[[], None]) -> bool:
        """Serve until SIGTERM or SIGINT; `ready` is called once every worker serves. True: every worker ended well.

        The sockets are closed at the end. Raises WorkerRefused.
        """
        self._lifeline = os.pipe()
        telemetry.share(self._board, 0)
        try:
            with self._selector, _signals(self._ask_to_stop) as wake_up:
                self._selector.register(wake_up, selectors.EVENT_READ, lambda: os.read(wake_up, 4096))
                return self._supervise(ready)
        finally:
            for worker in self._workers:
                worker.send(signal.SIGKILL)
            self._close_listeners()
            for end in self._lifeline:
                os.close(end)

    def _supervise(self, ready: Callable[[], None]) -> bool:
        ended_well, announced = True, False
        while not self._asked_to_stop or any(worker.pid for worker in self._workers):
            self._start_those_due()
            if not announced and all(worker.serves for worker in self._workers):
                announced = True
                ready()
            for key, _ in self._selector.select(self._patience()):
                key.data()
            if self._asked_to_stop:
                self._end_all()
            for worker in self._workers:
                if (status := worker.reap()) is not None:
                    ended_well = self._after_end(worker, status) and ended_well
        return ended_well

    def _ask_to_stop(self) -> None:
        self._asked_to_stop = True

    def _start_those_due(self) -> None:
        """The first alone at the beginning: what keeps it from serving keeps all, and is said once."""
        for worker in self._workers:
            if worker.due and not self._asked_to_stop and (worker.number == 1 or self._workers[0].has_served):
                self._start(worker)

    def _start(self, worker: Worker) -> None:
        heard, tell = os.pipe()
        pid = self._fork(worker.number, heard, tell)
        os.close(tell)
        worker.started(pid, heard)
        self._selector.register(heard, selectors.EVENT_READ, lambda: self._hear(worker))

    def _hear(self, worker: Worker) -> None:
        """It serves, or it has died."""
        if worker.heard is not None:
            self._selector.unregister(worker.heard)
            worker.hear()

    def _after_end(self, worker: Worker, status: int) -> bool:
        """Have it started again, unless all shall end; whether it ended well. Raises WorkerRefused."""
        self._hear(worker)
        self._board.columns[worker.number].settle(0)
        if self._asked_to_stop:
            return status == 0
        if not worker.has_served and status >= 0:
            raise WorkerRefused(status or 1)
        pause = worker.ended()
        telemetry.WORKER_RESTARTS.labels(str(worker.number)).inc()
        log.warning("worker_ended", worker=worker.number, status=status, restarts_in_seconds=pause)
        return True

    def _patience(self) -> float | None:
        """Seconds until something is to be done unasked; None: never."""
        times = [worker.due_at for worker in self._workers if worker.due_at is not None and not self._asked_to_stop]
        if self._kill_at is not None:
            times.append(self._kill_at)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _end_all(self) -> None:
        """Tell the workers once; later, kill those that are still there."""
        now = time.monotonic()
        if self._kill_at is None:
            self._kill_at = now + KILL_AFTER_SECONDS
            self._close_listeners()
            for worker in self._workers:
                worker.send(signal.SIGTERM)
        elif now >= self._kill_at:
            self._kill_at = now + KILL_AFTER_SECONDS
            for worker in self._workers:
                worker.send(signal.SIGKILL)

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _fork(self, number: int, heard: int, tell: int) -> int:
        ask_for_signal = end_with_parent(signal.SIGTERM)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._be_worker(number, heard, tell, ask_for_signal)
        return pid

    def _be_worker(self, number: int, heard: int, tell: int, ask_for_signal: Callable[[], None]) -> NoReturn:
        """In the new process: nothing of the parent's stack is unwound, whatever is raised ends it here."""
        code = 1
        try:
            ask_for_signal()
            self._let_go(number, heard)
            telemetry.share(self._board, number)
            code = self._work(Post(number, self._listeners[number - 1], self._lifeline[0], lambda: _tell(tell)))
        except KeyboardInterrupt:
            code = 130
        except BaseException:  # noqa: BLE001 - it is shown, and ends the process
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def _let_go(self, number: int, heard: int) -> None:
        """Give up what is the parent's and the other workers'."""
        signal.set_wakeup_fd(-1)
        for sent in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(sent, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._selector.close()
        os.close(heard)
        os.close(self._lifeline[1])
        for listener in self._listeners:
            if listener is not self._listeners[number - 1]:
                listener.close()


def _tell(descriptor: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent is gone; the lifeline says so too
        os.write(descriptor, b"!")
    os.close(descriptor)


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[int]:
    """While inside: SIGTERM and SIGINT call `stop`; they and SIGCHLD make the descriptor readable."""
    receiver, sender = socket.socketpair()
    for end in (receiver, sender):
        end.setblocking(False)
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGTERM, signal.SIGINT)} | {
        signal.SIGCHLD: signal.signal(signal.SIGCHLD, lambda *_: None)
    }
    try:
        yield receiver.fileno()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        receiver.close()
        sender.close()
