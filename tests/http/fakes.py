"""An intake and readers that answer at once and remember what they were asked."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from jobs import Job, NoArguments, Queue, RetryPolicy, Run
from jobs.model import AnyJob
from jobs.outbox import AtividadeCompleted
from jobs.queries import RunsWanted
from jobs.reports import Evidenced, Order, ReportsWanted
from jobs.reports.merkle import Inclusion
from jobs.reports.model import Form, Proof, PublicReport, Report
from jobs.reports.verification import ReportVerification
from jobs.views import JobRun, JobsOverview
from projections.model import (
    Conflict,
    ConflictDetail,
    Device,
    DeviceRegistration,
    DeviceStatus,
    Document,
    EntityAsOf,
    Event,
    HistoryEvent,
    Page,
)
from projections.queries import ConflictsWanted, Cut, EventsWanted
from techdengue.audit import AuditEntry, AuditUnavailable, AuditWanted, Entry
from techdengue.domain.access import Caller, Role
from techdengue.domain.operation import ErrorCode, Outcome
from techdengue.evidence import Place, Upload, Verification
from techdengue.http.openapi import evidence_calls, examples, examples_of_jobs, report_calls
from techdengue.intake.model import Batch, Malformed, Refusal, Resolution, Resolved, Success, SyncAnswer


class FakeIntake:
    """Accepts every operation that could be decoded; `error`, if set, is raised instead."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.error: Exception | None = None

    async def submit(self, batch: Batch) -> SyncAnswer:
        """Remember the batch and accept it."""
        if self.error is not None:
            raise self.error
        self.batches.append(batch)
        answered = [_answer(operation, index) for index, operation in enumerate(batch.operations)]
        return SyncAnswer(
            batch_id=batch.batch_id,
            processed=len(answered),
            successes=[each for each in answered if isinstance(each, Success)],
            conflicts=[],
            errors=[each for each in answered if isinstance(each, Refusal)],
            server_timestamp="2024-01-15T18:02:11.204817Z",
        )

    async def resolve_conflict(self, caller: Caller, conflict_id: str, resolution: Resolution) -> Resolved:
        """Settle whatever is named."""
        if self.error is not None:
            raise self.error
        return examples.RESOLVED


def _answer(operation: Any, index: int) -> Success | Refusal:
    if isinstance(operation, Malformed):
        return Refusal(
            entity_type=operation.entity_type,
            entity_id=operation.entity_id,
            operation=operation.operation,
            idempotency_key=operation.idempotency_key,
            index=index,
            code=ErrorCode.INVALID_DATA,
            message=operation.message,
            path=operation.path,
        )
    return Success(
        entity_type=operation.entity_type,
        entity_id=operation.entity_id,
        operation=operation.operation,
        idempotency_key=operation.idempotency_key,
        status=Outcome.APPLIED,
        version=1,
    )


class FakeReports:
    """Answers the examples; `found`: whether there is such a report; `verified`: how much there is to report."""

    def __init__(self) -> None:
        self.found = True
        self.report_told = report_calls.REPORT
        self.verified, self.behind = 3, False
        self.ordered: list[Order] = []
        self.error: Exception | None = None
        self.asked: list[tuple[Any, ...]] = []

    async def order(self, caller: Caller, wanted: Order) -> Report:
        """Remember it."""
        if self.error is not None:
            raise self.error
        self.ordered.append(wanted)
        return report_calls.QUEUED

    async def evidenced(self, caller: Caller, municipio: str, atividade_id: str) -> Evidenced:
        """As set."""
        return Evidenced(verified=self.verified, behind=self.behind)

    async def reports(self, caller: Caller, wanted: ReportsWanted, *, cursor: str | None, limit: int) -> Page[Report]:
        """The example."""
        return report_calls.REPORTS

    async def report(self, caller: Caller, report_id: uuid.UUID) -> Report | None:
        """As set."""
        return self.report_told if self.found else None

    async def download(self, caller: Caller, report_id: uuid.UUID, form: Form) -> str:
        """Somewhere."""
        return f"https://files.example/{report_id}.{form}"

    async def proof(self, caller: Caller, report_id: uuid.UUID, evidencia_id: str) -> Proof | None:
        """The example."""
        return report_calls.PROOF if self.found and evidencia_id == "foto-1" else None

    async def public_report(self, report_id: uuid.UUID) -> PublicReport | None:
        """The example."""
        return report_calls.PUBLIC if self.found else None

    async def verify_file(self, sha256: bytes, report_id: uuid.UUID | None) -> ReportVerification:
        """Remember the question."""
        self.asked.append((sha256.hex(), report_id))
        return report_calls.GENUINE

    async def verify_proof(
        self, record: bytes, inclusion: Inclusion, root: bytes, report_id: uuid.UUID | None
    ) -> ReportVerification:
        """Remember the question."""
        self.asked.append((record, inclusion, root.hex(), report_id))
        return report_calls.GENUINE


class FakeReaders:
    """Answers the examples; `error`, if set, is raised instead; `owner` has every device."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.page: Page[Document] = examples.CHANGES
        self.owner: str | None = None
        self.registered_to: str | None = None
        self.found = True
        self.entity_asked: tuple[str, str, str | None] | None = None
        self.cut: Cut | None = None
        self.events_wanted: EventsWanted | None = None
        self.audit_wanted: AuditWanted | None = None

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    async def changes(
        self, caller: Caller, *, cursor: str | None, limit: int, entity_type: str | None
    ) -> Page[Document]:
        """One page."""
        self._fail()
        return self.page

    async def identity(self) -> str:
        """Always the same log."""
        return "log-1"

    async def tail(self) -> int:
        """Nothing happens that nobody told of."""
        return 0

    async def device_status(self, caller: Caller, device_id: str) -> DeviceStatus | None:
        """The example."""
        return examples.STATUS if self.found else None

    async def entity(self, caller: Caller, entity_type: str, entity_id: str, municipio: str | None) -> Document | None:
        """The example."""
        self._fail()
        self.entity_asked = (entity_type, entity_id, municipio)
        return examples.DOCUMENT if self.found else None

    async def entity_as_of(
        self,
        caller: Caller,
        entity_type: str,
        entity_id: str,
        municipio: str | None,
        *,
        cut: Cut,
        provenance: bool,
    ) -> EntityAsOf | None:
        """The example."""
        self.cut = cut
        return examples.DOCUMENT_AS_OF if self.found else None

    async def history(
        self,
        caller: Caller,
        entity_type: str,
        entity_id: str,
        municipio: str | None,
        *,
        cursor: str | None,
        limit: int,
    ) -> Page[HistoryEvent] | None:
        """The example."""
        return examples.HISTORY if self.found else None

    async def events(self, caller: Caller, wanted: EventsWanted, *, cursor: str | None, limit: int) -> Page[Event]:
        """The example."""
        self._fail()
        self.events_wanted = wanted
        return examples.EVENTS

    async def conflicts(
        self, caller: Caller, wanted: ConflictsWanted, *, cursor: str | None, limit: int
    ) -> Page[Conflict]:
        """The example."""
        return examples.CONFLICTS

    async def conflict(self, caller: Caller, conflict_id: uuid.UUID) -> ConflictDetail | None:
        """The example."""
        return examples.CONFLICT if self.found else None

    async def audit(self, caller: Caller, wanted: AuditWanted, *, cursor: str | None, limit: int) -> Page[AuditEntry]:
        """The example."""
        self._fail()
        self.audit_wanted = wanted
        return examples.AUDIT

    async def device_owner(self, device_id: str) -> str | None:
        """The owner of every device."""
        self._fail()
        return self.owner

    async def device_owners(self, device_ids: Sequence[str]) -> dict[str, str]:
        """The owner of every device."""
        return {} if self.owner is None else dict.fromkeys(device_ids, self.owner)

    async def register_device(
        self, caller: Caller, user: str, device_id: str, registration: DeviceRegistration
    ) -> Device | None:
        """The example."""
        self.registered_to = user
        return examples.DEVICE

    async def forget_device(self, device_id: str) -> bool:
        """Whether anything is known."""
        return self.found


class FakeTrail:
    """Keeps what it is told; `away`, if set, writes nothing."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.noted: list[Entry] = []
        self.away = False

    async def record(self, entry: Entry) -> None:
        """Keep it."""
        if self.away:
            raise AuditUnavailable("away")
        self.entries.append(entry)

    def note(self, entry: Entry) -> None:
        """Keep it."""
        self.noted.append(entry)


class FakeJobs:
    """Knows one job, answers the examples, and remembers what it was asked."""

    def __init__(self) -> None:
        self.catalogue = {"aggregate_sync_metrics": JOB, "auto_generate_evd01": REPORT}
        self.found = True
        self.changed = True
        self.error: Exception | None = None
        self.wanted: RunsWanted | None = None
        self.started: list[tuple[str, Any, str | None]] = []

    async def overview(self, caller: Caller, wanted: RunsWanted, *, cursor: str | None, limit: int) -> JobsOverview:
        """The example."""
        self.wanted = wanted
        return examples_of_jobs.OVERVIEW

    async def run(self, caller: Caller, run_id: uuid.UUID) -> JobRun | None:
        """The example."""
        return examples_of_jobs.RUN if self.found else None

    async def start(self, caller: Caller, job: AnyJob, arguments: Any, *, key: str | None) -> JobRun:
        """The example."""
        if self.error is not None:
            raise self.error
        self.started.append((job.name, arguments, key))
        return examples_of_jobs.QUEUED

    async def cancel(self, run_id: uuid.UUID) -> bool:
        """As told."""
        return self.changed

    async def retry(self, run_id: uuid.UUID, job: str) -> bool:
        """As told."""
        return self.changed


async def _handle(_run: Run, _arguments: Any) -> dict[str, int]:
    return {}


def _job(name: str, arguments: Any, least_role: Role) -> AnyJob:
    second = dt.timedelta(seconds=1)
    return Job(
        name=name,
        queue=Queue.REPORTS,
        arguments=arguments,
        handler=_handle,
        time_limit=second,
        retry=RetryPolicy(attempts=2, first=second, longest=second),
        summary="A job.",
        least_role=least_role,
    )


JOB = _job("aggregate_sync_metrics", NoArguments, Role.ADMIN)
REPORT = _job("auto_generate_evd01", AtividadeCompleted, Role.GESTOR)


class FakeFiles:
    """Has a file for every evidencia; `error`, if set, is raised instead."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked: list[tuple[str, str | None]] = []

    def _ask(self, evidencia_id: str, municipio: str | None) -> None:
        self.asked.append((evidencia_id, municipio))
        if self.error is not None:
            raise self.error

    async def begin(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Upload:
        """The example."""
        self._ask(evidencia_id, municipio)
        return evidence_calls.SINGLE

    async def state(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Upload:
        """The example."""
        self._ask(evidencia_id, municipio)
        return evidence_calls.VERIFIED_FILE

    async def give_up(self, caller: Caller, evidencia_id: str, municipio: str | None) -> None:
        """Forget nothing."""
        self._ask(evidencia_id, municipio)

    async def complete(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Verification:
        """The example."""
        self._ask(evidencia_id, municipio)
        return evidence_calls.VERIFICATION

    async def download(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Place:
        """An address."""
        self._ask(evidencia_id, municipio)
        return Place(municipio="5103403", url="http://s3/file?signed")

    async def thumbnail(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Place:
        """An address."""
        self._ask(evidencia_id, municipio)
        return Place(municipio="5103403", url="http://s3/small?signed")
