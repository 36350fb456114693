"""A history played out in memory: devices with queues, a server that keeps a log, and any resolver in the middle."""

import itertools
from collections.abc import Iterable, Sequence

import msgspec

from techdengue.domain.operation import CONSOLE_DEVICE_PREFIX, OperationKind
from techdengue.resolver import Operation, State
from techdengue.resolver import resolve as ours
from techdengue.resolver.rule_sets import Resolve

from .histories import Edit, History, Jump, Pull, Push, Settle, Step
from .server import Arrival, Attempt, Decision, Request, Sent, Server, Workbench

START = 1_700_000_000_000_000
"""When a history begins, in µs since the epoch."""

__all__ = ["Attempt", "Device", "Played", "Resolve", "fold", "ours", "play", "states_of"]


class Device(msgspec.Struct, kw_only=True):
    """One device: its clock's error, what waits to be sent, and what it holds of the entities."""

    name: str
    skew: int
    queue: list[Sent] = msgspec.field(default_factory=list)
    edits: int = 0
    holds: dict[str, State] = msgspec.field(default_factory=dict)

    def pull(self, server: Server) -> None:
        """Fetch what has a version that the device does not hold."""
        for entity, state in server.states().items():
            held = self.holds.get(entity)
            if held is None or held.version < state.version:
                self.holds[entity] = state

    def knows(self, entity: str) -> int:
        """The version that the device has seen."""
        held = self.holds.get(entity)
        return held.version if held is not None else 0


class Played(msgspec.Struct, frozen=True):
    """What came of a history: everything that arrived, every attempt, and the devices and server at its end."""

    arrivals: list[Arrival]
    server: Server
    devices: dict[str, Device]

    @property
    def attempts(self) -> list[Attempt]:
        """Every first attempt in order of arrival, rejected ones too."""
        return self.server.attempts

    @property
    def log(self) -> list[Attempt]:
        """The accepted ones: position n is log[n - 1]."""
        return self.server.log


def play(history: History, *, resolve: Resolve = ours, to_the_end: bool = False) -> Played:
    """Play a history. `to_the_end` lets every device push all that waits and pull, when the steps are done."""
    return _Play(history, resolve).run(history.steps, to_the_end=to_the_end)


def fold(log: Iterable[Attempt], *, resolve: Resolve = ours) -> Workbench:
    """The log replayed from nothing: its events through `resolve`, and no clock."""
    workbench = Workbench(resolve)
    for attempt in log:
        workbench.decide(attempt.entity, attempt.event)
    return workbench


def states_of(events: Sequence[Operation], *, resolve: Resolve = ours) -> list[State]:
    """The states of one entity under operations that are all accepted: `states[n]` is that after sequence n."""
    workbench = Workbench(resolve)
    for event in events:
        workbench.decide("", event)
    if workbench.last("").sequence < len(events):
        raise ValueError("an operation was rejected")
    return workbench.states("")


class _Play:
    def __init__(self, history: History, resolve: Resolve) -> None:
        self._now = START
        self._server = Server(resolve)
        self._devices = {name: Device(name=name, skew=skew) for name, skew in history.clocks.items()}
        self._arrivals: list[Arrival] = []
        self._settlements = itertools.count(1)

    def run(self, steps: Iterable[Step], *, to_the_end: bool) -> Played:
        for step in steps:
            self._now += step.wait
            self._take(step)
        if to_the_end:
            self._finish()
        return Played(self._arrivals, self._server, self._devices)

    def _take(self, step: Step) -> None:
        match step:
            case Edit():
                self._edit(step, self._devices[step.device])
            case Push():
                self._push(step, self._devices[step.device])
            case Pull():
                self._devices[step.device].pull(self._server)
            case Jump():
                self._devices[step.device].skew += step.by
            case Settle():
                self._settle(step)

    def _edit(self, edit: Edit, device: Device) -> None:
        device.edits += 1
        device.queue.append(
            Sent(
                entity=edit.entity,
                kind=edit.kind,
                data=None if edit.kind is OperationKind.DELETE else edit.data,
                client_time=self._now + device.skew,
                key=f"{device.edits}",
                strategy=edit.strategy,
                base_version=device.knows(edit.entity) if edit.knows else None,
            )
        )

    def _push(self, push: Push, device: Device) -> None:
        batch = device.queue[: push.size]
        if not batch:
            return
        request = Request(
            device=device.name,
            operations=tuple(batch) * push.copies,
            received_at=self._now,
            sent_at=self._now + device.skew if push.says_when else None,
        )
        self._arrivals.append(request)
        self._server.receive(request)
        if not push.lost:
            del device.queue[: push.size]

    def _settle(self, settle: Settle) -> None:
        state = self._server.states().get(settle.entity)
        if state is None or not state.open:
            return
        decision = Decision(
            entity=settle.entity,
            resolves=state.open[settle.which % len(state.open)],
            choice=settle.choice,
            data=settle.data,
            device=f"{CONSOLE_DEVICE_PREFIX}ana",
            key=f"s{next(self._settlements)}",
            received_at=self._now,
        )
        self._arrivals.append(decision)
        self._server.receive(decision)

    def _finish(self) -> None:
        for device in self._devices.values():
            self._push(Push(device=device.name, size=len(device.queue)), device)
        for device in self._devices.values():
            device.pull(self._server)
