"""Where an operation's processor time goes: each step that the server's own Python takes, on the benchmark's workload.

`python -m tests.bench.stages` prints µs of one core an operation, medians over groups of 20 requests. Nothing here
touches a socket or a database, so a neighbour on the machine blurs the figures and does not make them. `http` is all
that a request takes between the socket and the intake: its head and its body read, its answer written.
"""

import contextlib
import gc
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import uvloop

from eventstore import AppendUnit
from eventstore.units import append_rows
from techdengue.domain.access import Caller, Role
from techdengue.domain.times import to_micros
from techdengue.domain.validation import ValidOperation, validate
from techdengue.http.batch import decode_batch
from techdengue.http.media import JSON
from techdengue.intake.answering import answer_batch
from techdengue.intake.appending import companion_rows
from techdengue.intake.deciding import decide_batch
from techdengue.intake.jobs import BatchJob
from techdengue.intake.model import Batch, SyncAnswer
from techdengue.intake.snapshot import Snapshot, StoredHead, known_of
from techdengue.intake.units import form_units
from techdengue.intake.working import Working
from techdengue.resolver import State, decode_state

from . import workload
from .wire import Wire, wired

GROUPS = 60
JOBS = 20
_WARM_UP = 10
_GROUPS_KEPT = 5
"""A batch refers to what the two before it left, and to their repeats."""
_RECEIVED_AT = 1_800_000_000_000_000
_CALLER = Caller(user="bench", role=Role.CAMPO, municipios=frozenset({workload.MUNICIPIO}))

Answer = TypeVar("Answer")


class Stopwatch:
    """Processor time by step, µs an operation."""

    def __init__(self) -> None:
        self.laps: dict[str, list[float]] = {}

    def time(self, step: str, work: Callable[[], Answer]) -> Answer:
        """Do the work, and note what one of its group's operations took."""
        with self.timing(step):
            return work()

    @contextlib.contextmanager
    def timing(self, step: str) -> Iterator[None]:
        """The same of a block."""
        started = time.process_time()
        yield
        spent = time.process_time() - started
        self.laps.setdefault(step, []).append(spent * 1e6 / (JOBS * workload.SIZE))


class Log:
    """What the latest groups have left: heads, clocks, and the past that a stale base refers to.

    Older groups are forgotten: no batch refers to them, and memory that only grows would be measured too.
    """

    def __init__(self) -> None:
        self.snapshot = Snapshot(known={}, heads={}, tenants={}, clocks={}, owners={}, pasts={}, now=0, read_at=0)
        self.pasts: dict[tuple[str, str], list[State]] = {}
        self._groups: deque[Sequence[AppendUnit]] = deque()

    def append(self, units: Sequence[AppendUnit]) -> None:
        """Take what a group wrote."""
        self._groups.append(units)
        if len(self._groups) > _GROUPS_KEPT:
            self._forget(self._groups.popleft())
        for unit in units:
            for head in unit.heads:
                place = (head.tenant, head.stream)
                self.snapshot.heads[place] = StoredHead(sequence=head.sequence, version=head.version, state=head.state)
                self.snapshot.tenants[head.stream] = [head.tenant]
                self.pasts.setdefault(place, [State()]).append(decode_state(head.state))
            for event in unit.events:
                self.snapshot.known[event.writer, event.key] = [known_of(event)]
            for writer in unit.writers:
                self.snapshot.clocks[writer.writer] = to_micros(writer.clock)

    def _forget(self, units: Sequence[AppendUnit]) -> None:
        for unit in units:
            for event in unit.events:
                place = (event.tenant, event.stream)
                self.snapshot.heads.pop(place, None)
                self.snapshot.tenants.pop(event.stream, None)
                self.pasts.pop(place, None)
                self.snapshot.known.pop((event.writer, event.key), None)


async def measure(groups: int) -> dict[str, list[float]]:
    """µs an operation, by step and group."""
    log, watch = Log(), Stopwatch()
    async with wired() as wire:
        for number in range(groups + _WARM_UP):
            if number == _WARM_UP:
                watch.laps.clear()
                gc.collect()
                gc.freeze()
                gc.disable()  # the server's collector hardly ever runs; here it would count what the benchmark keeps
            await _run(number, log, watch, wire)
    return watch.laps


async def _run(number: int, log: Log, watch: Stopwatch, wire: Wire) -> None:
    """One group through every step, in the order in which the server takes them."""
    names = [f"stages-{connection}" for connection in range(JOBS)]
    bodies = [workload.body(name, number) for name in names]
    decoded = [decode_batch(body, JSON, 1000) for body in bodies]
    valid = watch.time("validate", lambda: [_validate(batch.operations) for batch in decoded])
    jobs = [_job(workload.device_of(name, number), number, each) for name, each in zip(names, valid, strict=True)]
    working = Working(log.snapshot, log.pasts)
    decided = watch.time("decide", lambda: [(job, decide_batch(job, working)) for job in jobs])
    units, numbers = watch.time("heads", lambda: form_units(decided, working))
    watch.time("arguments", lambda: (append_rows(units), companion_rows(decided, numbers)))
    answers = watch.time("answer", lambda: [_answer(job, decision) for job, decision in decided])
    log.append(units)
    requests = [wire.request(job.device, body) for job, body in zip(jobs, bodies, strict=True)]
    with watch.timing("http"):
        await wire.ask(requests, answers)


def _validate(operations: Sequence[Any]) -> tuple[ValidOperation, ...]:
    return tuple(validate(operation) for operation in operations)


def _job(device: str, number: int, entries: tuple[ValidOperation, ...]) -> BatchJob:
    batch = Batch(caller=_CALLER, device_id=device, operations=(), arrived=0.0, size=0)
    job = BatchJob(batch, entries)
    job.received_at = _RECEIVED_AT + number * 1000
    return job


def _answer(job: BatchJob, decision: Any) -> SyncAnswer:
    answer_batch(job, decision, _RECEIVED_AT)
    return job.future.result()


def main() -> None:
    """Measure and show."""
    laps = uvloop.run(measure(GROUPS))
    print(f"{'step':<12}{'µs':>8}{'least':>8}{'most':>8}")
    for step, values in laps.items():
        print(f"{step:<12}{statistics.median(values):>8.2f}{min(values):>8.2f}{max(values):>8.2f}")
    print(f"{'all':<12}{sum(statistics.median(values) for values in laps.values()):>8.2f}")


if __name__ == "__main__":
    main()
