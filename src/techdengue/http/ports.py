"""What the HTTP room needs from the rooms below it; `asgi.py` puts the real ones in, tests put fakes in.

Readers answer `None` for what does not exist in the caller's territory, and raise the errors of `projections.errors`.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from jobs.model import AnyJob
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
from techdengue.audit import AuditEntry, AuditWanted, Entry
from techdengue.domain.access import Caller
from techdengue.evidence import Place, Upload, Verification
from techdengue.intake.model import Batch, Resolution, Resolved, SyncAnswer


class Intake(Protocol):
    """The only writer of the log. Raises the errors of `techdengue.intake.errors`."""

    async def submit(self, batch: Batch) -> SyncAnswer:
        """Take one device's batch; answered once it is on disk."""

    async def resolve_conflict(self, caller: Caller, conflict_id: str, resolution: Resolution) -> Resolved:
        """Settle a parked conflict."""


class Readers(Protocol):
    """Everything that is read, each call under row-level security with the caller's territory."""

    async def changes(
        self, caller: Caller, *, cursor: str | None, limit: int, entity_type: str | None
    ) -> Page[Document]:
        """The entities that changed since the cursor, each once in its newest state."""

    async def device_status(self, caller: Caller, device_id: str) -> DeviceStatus | None:
        """What a device has sent, and whether it is behind."""

    async def entity(self, caller: Caller, entity_type: str, entity_id: str, municipio: str | None) -> Document | None:
        """The document now. Raises SeveralEntities."""

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
        """The document as a cut of the log leaves it. Raises SeveralEntities."""

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
        """An entity's events with their diffs. Raises SeveralEntities."""

    async def events(self, caller: Caller, wanted: EventsWanted, *, cursor: str | None, limit: int) -> Page[Event]:
        """The log, filtered."""

    async def conflicts(
        self, caller: Caller, wanted: ConflictsWanted, *, cursor: str | None, limit: int
    ) -> Page[Conflict]:
        """The manual queue, oldest first."""

    async def conflict(self, caller: Caller, conflict_id: uuid.UUID) -> ConflictDetail | None:
        """One conflict, leaf by leaf."""

    async def audit(self, caller: Caller, wanted: AuditWanted, *, cursor: str | None, limit: int) -> Page[AuditEntry]:
        """The audit trail, newest first."""

    async def device_owner(self, device_id: str) -> str | None:
        """The user whose device this is; None where nobody has it."""

    async def device_owners(self, device_ids: Sequence[str]) -> Mapping[str, str]:
        """The users whose devices these are, by device; nobody's are left out."""

    async def register_device(
        self, caller: Caller, user: str, device_id: str, registration: DeviceRegistration
    ) -> Device | None:
        """Register or refresh a device of this user; None where another one has it."""

    async def forget_device(self, device_id: str) -> bool:
        """Forget a device; whether there was one."""


class Reports(Protocol):
    """Reports on paper, read with the caller's territory; what is public is of everywhere."""

    async def order(self, caller: Caller, wanted: Order) -> Report:
        """Note an order, and have it made soon; with a key that was used, what it ordered. Raises KeyReused."""

    async def evidenced(self, caller: Caller, municipio: str, atividade_id: str) -> Evidenced:
        """Whether an EVD01 of the activity would have anything to say."""

    async def reports(self, caller: Caller, wanted: ReportsWanted, *, cursor: str | None, limit: int) -> Page[Report]:
        """Reports, newest order first."""

    async def report(self, caller: Caller, report_id: uuid.UUID) -> Report | None:
        """One report."""

    async def download(self, caller: Caller, report_id: uuid.UUID, form: Form) -> str:
        """An address from which its file can be had for some minutes. Raises Problem 503."""

    async def proof(self, caller: Caller, report_id: uuid.UUID, evidencia_id: str) -> Proof | None:
        """That this evidence is under the report's root."""

    async def public_report(self, report_id: uuid.UUID) -> PublicReport | None:
        """What anybody may know of it."""

    async def verify_file(self, sha256: bytes, report_id: uuid.UUID | None) -> ReportVerification:
        """Whose file this is."""

    async def verify_proof(
        self, record: bytes, inclusion: Inclusion, root: bytes, report_id: uuid.UUID | None
    ) -> ReportVerification:
        """Whether the record is under the root, and whose the root is."""


class Feed(Protocol):
    """Changes as they happen (`techdengue.feed`)."""

    @property
    def stopping(self) -> bool:
        """Whether the server is ending: then nobody waits any more."""

    def ticket(self, caller: Caller) -> int:
        """What `wait` compares with; taken before reading."""

    async def changes(
        self, caller: Caller, *, cursor: str | None, limit: int, entity_type: str | None, ticket: int | None = None
    ) -> Page[Document]:
        """As the readers answer it, identical reads together. Raises Stopping."""

    async def wait(self, caller: Caller, ticket: int, seconds: float) -> bool:
        """True as soon as something was committed in the caller's municípios since the ticket was taken."""


class Jobs(Protocol):
    """Background jobs: read with the caller's territory."""

    @property
    def catalogue(self) -> Mapping[str, AnyJob]:
        """The jobs that there are, by name."""

    async def overview(self, caller: Caller, wanted: RunsWanted, *, cursor: str | None, limit: int) -> JobsOverview:
        """Runs, the newest first, with queues and schedules."""

    async def run(self, caller: Caller, run_id: uuid.UUID) -> JobRun | None:
        """One run."""

    async def start(self, caller: Caller, job: AnyJob, arguments: msgspec.Struct, *, key: str | None) -> JobRun:
        """Queue a run, or answer the one that this key started. Raises KeyReused."""

    async def cancel(self, run_id: uuid.UUID) -> bool:
        """Cancel a run; whether it had not ended."""

    async def retry(self, run_id: uuid.UUID, job: str) -> bool:
        """Queue a dead letter or a cancelled run again; whether it was one."""


class Files(Protocol):
    """The files of evidence. Raises EvidenceError, StorageError, SeveralEntities, IntakeError."""

    async def begin(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Upload:
        """Begin an upload, or say how far it is."""

    async def state(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Upload:
        """How far the file is."""

    async def give_up(self, caller: Caller, evidencia_id: str, municipio: str | None) -> None:
        """Forget the upload that is on its way."""

    async def complete(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Verification:
        """Verify what was sent, and record it."""

    async def download(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Place:
        """Where the file can be read."""

    async def thumbnail(self, caller: Caller, evidencia_id: str, municipio: str | None) -> Place:
        """Where its thumbnail can be read."""


class Admission(msgspec.Struct, frozen=True):
    """Who calls, and until when: seconds since the epoch."""

    caller: Caller
    expires: float


class Verifier(Protocol):
    """Turns a bearer token into its caller."""

    async def admit(self, token: str, *, afresh: bool = False) -> Admission:
        """The caller; `afresh` checks the signature again. Raises Problem 401, 403 (no role of ours) or 503 (the
        issuer's keys cannot be had)."""


class Audit(Protocol):
    """The trail of who read or changed what (`techdengue.audit`)."""

    async def record(self, entry: Entry) -> None:
        """Answer once the entry is on disk. Raises AuditUnavailable."""

    def note(self, entry: Entry) -> None:
        """Write the entry, without being waited for."""


class HealthCheck(Protocol):
    """Asks one dependency for a sign of life."""

    async def __call__(self) -> None:
        """Return when it is well; raise anything when it is not."""
