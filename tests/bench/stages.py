"""Where an operation's processor time goes: each step that the server's own Python takes, on the benchmark's workload.

`python -m tests.bench.stages` prints µs of one core an operation, medians over groups of 20 requests. Nothing here
touches a socket or a database, so a neighbour on the machine blurs the figures and does not make them. `http` is all
that a request takes between the socket and the intake: its head and its body read, its answer written.
"""

import contextlib
import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import uvloop

from eventstore.units import append_rows
from techdengue.domain.access import Caller, Role
from techdengue.domain.validation import ValidOperation, validate
from techdengue.http.batch import decode_batch
from techdengue.http.media import JSON
from techdengue.intake.answering import answer_batch
from techdengue.intake.appending import companion_rows
from techdengue.intake.deciding import decide_batch
from techdengue.intake.jobs import BatchJob
from techdengue.intake.model import Batch, SyncAnswer
from techdengue.intake.reading_past import read_pasts
from techdengue.intake.recent import Recent
from techdengue.intake.snapshot import Snapshot
from techdengue.intake.units import form_units
from techdengue.intake.working import Working

from . import workload
from .wire import Wire, wired

GROUPS = 60
JOBS = 20
_WARM_UP = 10
_NO_DATABASE: Any = None
"""All that a batch refers to was left by the two before it, and is remembered."""
_RECEIVED_AT = 1_800_000_000_000_000
_CALLER = Caller(user="bench", role=Role.CAMPO, municipios=frozenset({workload.MUNICIPIO}))
_OWNERS = {workload.device_of(f"stages-{job}", batch): _CALLER.user for job in range(JOBS) for batch in range(2)}

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


async def measure(groups: int) -> dict[str, list[float]]:
    """µs an operation, by step and group."""
    recent, watch = Recent(), Stopwatch()
    async with wired() as wire:
        for number in range(groups + _WARM_UP):
            if number == _WARM_UP:
                watch.laps.clear()
                gc.collect()
                gc.freeze()
                gc.disable()  # the server's collector hardly ever runs; here it would count what the benchmark keeps
            await _run(number, recent, watch, wire)
    return watch.laps


async def _run(number: int, recent: Recent, watch: Stopwatch, wire: Wire) -> None:
    """One group through every step, in the order in which the server takes them."""
    names = [f"stages-{connection}" for connection in range(JOBS)]
    bodies = [workload.body(name, number) for name in names]
    decoded = [decode_batch(body, JSON, 1000) for body in bodies]
    valid = watch.time("validate", lambda: [_validate(batch.operations) for batch in decoded])
    jobs = [_job(workload.device_of(name, number), number, each) for name, each in zip(names, valid, strict=True)]
    snapshot = Snapshot()
    with watch.timing("recall"):
        for job in jobs:
            recent.recall(job, snapshot)
        pasts, _ = await read_pasts(_NO_DATABASE, jobs, snapshot)
    working = Working(snapshot, pasts)
    decided = watch.time("decide", lambda: [(job, decide_batch(job, working)) for job in jobs])
    units, numbers = watch.time("heads", lambda: form_units(decided, working))
    watch.time("arguments", lambda: (append_rows(units), companion_rows(decided, numbers)))
    answers = watch.time("answer", lambda: [_answer(job, decision) for job, decision in decided])
    with watch.timing("learn"):
        for unit in units:
            recent.learn(unit, _OWNERS)
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
