"""What an entry of the audit trail says: no content of any document, only that it was read or changed."""

import datetime as dt
import enum
from typing import Final

import msgspec

AUDITOR: Final = "techdengue_auditor"
"""The role that writes the trail and tells of it."""

_LONGEST: Final = 255


class Action(enum.StrEnum):
    """Everything that is told of: the closed set."""

    SYNC = "sync"
    READ_CHANGES = "read_changes"
    FOLLOW_CHANGES = "follow_changes"
    READ_DEVICE = "read_device"
    REGISTER_DEVICE = "register_device"
    FORGET_DEVICE = "forget_device"
    READ_ENTITY = "read_entity"
    READ_HISTORY = "read_history"
    READ_EVENTS = "read_events"
    READ_CONFLICTS = "read_conflicts"
    READ_CONFLICT = "read_conflict"
    RESOLVE_CONFLICT = "resolve_conflict"
    READ_JOBS = "read_jobs"
    READ_RUN = "read_run"
    START_JOB = "start_job"
    CANCEL_RUN = "cancel_run"
    RETRY_RUN = "retry_run"
    UPLOAD_FILE = "upload_file"
    VERIFY_FILE = "verify_file"
    READ_FILE = "read_file"
    ORDER_REPORT = "order_report"
    READ_REPORTS = "read_reports"
    READ_REPORT = "read_report"
    DOWNLOAD_REPORT = "download_report"
    READ_PROOF = "read_proof"
    READ_AUDIT = "read_audit"


class Outcome(enum.StrEnum):
    """How it ended: it was done, the caller may not, there is no such thing, or it could not be done."""

    ALLOWED = "allowed"
    DENIED = "denied"
    ABSENT = "absent"
    REFUSED = "refused"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry before it is written. `status` is of HTTP, `code` of the problem that was answered, if one was.

    `municipios` is what was seen or could have been, `{"*"}` for all.
    """

    action: Action
    status: int
    user: str | None = None
    role: str | None = None
    device_id: str | None = None
    target_type: str | None = None
    target_id: str | None = None
    municipios: tuple[str, ...] = ()
    address: str | None = None
    request_id: str | None = None
    code: str | None = None

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return outcome_of(self.status)


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the trail; `audit_id` is 1, 2, 3 … in the order of commits."""

    audit_id: int
    at: dt.datetime
    user_id: str | None
    role: str | None
    device_id: str | None
    action: str
    target_type: str | None
    target_id: str | None
    municipios: list[str]
    address: str | None
    request_id: str | None
    outcome: str
    status: int
    code: str | None


def outcome_of(status: int) -> Outcome:
    """What a status of HTTP says of the outcome."""
    if status < 400:
        return Outcome.ALLOWED
    if status in {401, 403}:
        return Outcome.DENIED
    return Outcome.ABSENT if status in {404, 410} else Outcome.REFUSED


def storable(text: str | None) -> str | None:
    """Text of a caller as the trail keeps it: printable, of bounded length; None for none.

    What was sent may hold line breaks and terminal codes, and somebody will look at it in a terminal.
    """
    if not text:
        return None
    return "".join(each if each.isprintable() else "\ufffd" for each in text[:_LONGEST])
