"""One group commit: read, resolve, append; losers again; then, and only then, the answers.

read       what the jobs need and this process does not remember, in one statement; no lock is held while Python thinks
decide     each job in turn against the working set, in memory
append     one statement: compare-and-set of everything the decisions were made on
losers     (units whose heads or clocks moved on) go round again, a bounded number of times
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import structlog
from asyncpg import Connection

from eventstore import AppendUnit
from jobs import Queue
from techdengue import telemetry

from .answering import answer_batch, fail
from .appending import append
from .deciding import decide_batch
from .decision import Decision
from .errors import DeviceTaken, IntakeError, Unavailable
from .jobs import BatchJob, Job, SealJob, SettlementJob
from .model import Refusal
from .off_loop import off_loop
from .owners import owners_of
from .reading import read_snapshot
from .reading_past import read_pasts
from .recent import Recent
from .sealing import decide_seal
from .settling import AlreadySettled, decide_settlement
from .snapshot import Place, Snapshot
from .units import Decided, form_units
from .working import Working

_MOST_ROUNDS = 12

log = structlog.get_logger(__name__)


Committed = Callable[[int, int, Collection[str]], None]
"""Told of each commit: its first and last position, and the municípios that it changed. Quick, and raises nothing."""


Queued = Callable[[Collection[Queue]], None]
"""Told of the queues into which a commit has put runs of jobs. Quick, and raises nothing."""


def hint_nobody(_queues: Collection[Queue]) -> None:
    """Workers look by themselves."""


def tell_nobody(_first: int, _last: int, _municipios: Collection[str]) -> None:
    """Nobody waits for changes."""


class Uncertain(Exception):
    """A job would be refused on what is remembered: nothing would be appended then, and nothing compared."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job


class GroupCommit:
    """Commits groups, any number at once. `committed` is told of each commit, `queued` of the runs that follow."""

    def __init__(self, committed: Committed = tell_nobody, queued: Queued = hint_nobody) -> None:
        self._committed = committed
        self._queued = queued
        self._recent = Recent()

    async def commit(self, connection: Connection, jobs: Sequence[Job]) -> None:
        """Answer every job, each through its future. Raises what the database raises; then nothing was answered that
        is not on disk, and the jobs without an answer may be tried again."""
        telemetry.EVENTSTORE_GROUP_SIZE.observe(sum(job.weight for job in jobs))
        pending = list(jobs)
        try:
            for number in range(_MOST_ROUNDS):
                pending = await self._round(connection, pending, remembering=number == 0)
                if not pending:
                    return
        except Exception:  # whatever it is: nobody knows what is on disk, and the caller hears of it
            self._recent.forget()
            raise
        for job in pending:
            fail(job, Unavailable(retry_after=1, reason="others keep changing the same entities; send it again"))

    async def _round(self, connection: Connection, jobs: list[Job], *, remembering: bool) -> list[Job]:
        """Commit what can be committed; answer those that go round again."""
        snapshot = await read_snapshot(connection, jobs, self._recent, remembering=remembering)
        jobs, owners = await _admit(connection, jobs, snapshot)
        if not jobs:
            return []
        pasts, events = await read_pasts(connection, jobs, snapshot)
        size = sum(job.size for job in jobs) + sum(len(head.state) for head in snapshot.heads.values())
        try:
            decided, working, failed = await off_loop(size, _decide, jobs, snapshot, pasts, events)
        except Uncertain as uncertain:
            self._recent.doubt(uncertain.job)
            return jobs
        for job, error in failed:
            fail(job, error)
        if not decided:
            return []
        units, numbers = await off_loop(size, form_units, decided, working)
        started = time.perf_counter()
        appended = await append(connection, units, decided, numbers, snapshot.believed)
        telemetry.EVENTSTORE_APPEND_DURATION.observe(time.perf_counter() - started)
        if appended is None:
            return self._again([job for job, _ in decided])
        first, moved = appended
        written = [unit for number, unit in enumerate(units) if number not in moved] if moved else units
        self._keep(first, written, owners)
        _hint(self._queued, decided)
        losers: list[Job] = []
        for (job, decision), unit in zip(decided, numbers, strict=True):
            if unit in moved:
                losers.append(job)
            else:
                _answer(job, decision, snapshot)
        return self._again(losers)

    def _keep(self, first: int, units: Sequence[AppendUnit], owners: Mapping[str, str]) -> None:
        """Remember what is on disk, and tell of it."""
        for unit in units:
            self._recent.learn(unit, owners)
        if events := sum(len(unit.events) for unit in units):
            self._committed(first, first + events - 1, {head.tenant for unit in units for head in unit.heads})

    def _again(self, losers: list[Job]) -> list[Job]:
        """These go round once more; what was remembered of them did not hold."""
        for job in losers:
            self._recent.doubt(job)
        return losers


def _hint(queued: Queued, decided: Sequence[Decided]) -> None:
    if any(decision.following for _, decision in decided):
        queued({one.queue for _, decision in decided for one in decision.following})


async def _admit(connection: Connection, jobs: list[Job], snapshot: Snapshot) -> tuple[list[Job], Mapping[str, str]]:
    """The jobs whose device belongs to their caller, and all devices' owners; the others are told that it does not."""
    owners = await owners_of(connection, jobs, snapshot.owners)
    admitted: list[Job] = []
    for job in jobs:
        if not isinstance(job, BatchJob) or job.caller.may_use_device_of(owners[job.device]):
            admitted.append(job)
        else:
            fail(job, DeviceTaken(device_id=job.device))
    return admitted, owners


def _decide(
    jobs: Sequence[Job], snapshot: Snapshot, pasts: Any, events: Any
) -> tuple[list[Decided], Working, list[tuple[Job, Exception]]]:
    """Decide all jobs; those that fail come back with their errors, the others are decided as if they never came.

    Raises Uncertain where one of them would be refused and the group remembers something.
    """
    left = list(jobs)
    failed: list[tuple[Job, Exception]] = []
    while True:
        working = Working(snapshot, pasts)
        decided: list[Decided] = []
        for job in left:
            try:
                decided.append((job, _decide_one(job, working, snapshot, events)))
            except Uncertain:
                raise
            except (IntakeError, AlreadySettled) as refusal:
                if snapshot.believed.owners:
                    raise Uncertain(job) from refusal
                failed.append((job, refusal))
                break
            except Exception as error:  # one poisonous request must not fail its neighbours
                log.exception("job_failed", device_id=job.device)
                failed.append((job, error))
                break
        else:
            return decided, working, failed
        left.remove(job)


def _decide_one(job: Job, working: Working, snapshot: Snapshot, events: dict[Place, Any]) -> Decision:
    if isinstance(job, BatchJob):
        decision = decide_batch(job, working)
        if job.device in snapshot.believed.owners and _refuses(job, decision):
            raise Uncertain(job)
        return decision
    if isinstance(job, SealJob):
        return decide_seal(job, working)
    stream = events.get((job.tenant, job.stream), ())
    parked = stream[job.sequence - 1] if len(stream) >= job.sequence else None
    return decide_settlement(job, parked, working)


def _refuses(job: BatchJob, decision: Decision) -> bool:
    """Whether an operation was refused that might have been taken on other states."""
    return sum(isinstance(one, Refusal) for one in decision.answers) > len(job.entries) - len(job.operations())


def _answer(job: Job, decision: Decision, snapshot: Snapshot) -> None:
    if isinstance(job, BatchJob):
        answer_batch(job, decision, snapshot.now)
    elif job.future.done():
        return
    elif isinstance(job, SettlementJob) and decision.resolved is not None:
        job.future.set_result(decision.resolved)
    elif isinstance(job, SealJob) and decision.sealed is not None:
        job.future.set_result(decision.sealed)
