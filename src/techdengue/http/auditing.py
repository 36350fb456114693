"""What of each call is told of in the audit trail, in one table, and how a call becomes an entry.

A call that let somebody see or change something is answered once its entry is on disk, and refused where that cannot
be. A denial is told of too, and not waited for.
"""

from typing import Any, Final

import msgspec
from litestar.response.base import ASGIResponse

from techdengue.audit import Action, AuditUnavailable, Entry, Outcome
from techdengue.domain.access import Caller

from .edge import REQUEST_ID_KEY
from .problems import Problem, unavailable
from .services import Services

_UNREAD: Final = frozenset({400, 405, 406, 413, 415, 422, 426, 429, 499})
"""Refused for how it was asked, or left: nothing was looked at."""


class Audited(msgspec.Struct, frozen=True):
    """How one call is told of. `target` is the type of what it is about; None: the path names the type.

    `elsewhere`: what was allowed is recorded with what it did, and only the rest is told of here.
    """

    action: Action
    target: str | None = None
    elsewhere: bool = False


AUDITED: Final[dict[str, Audited | None]] = {
    "sync": Audited(Action.SYNC, "batch", elsewhere=True),  # a row of techdengue.sync_request, of the same commit
    "sync_stream": Audited(Action.SYNC, "batch", elsewhere=True),
    "sync_ws": Audited(Action.FOLLOW_CHANGES, "territory", elsewhere=True),  # at the hello, which names the device
    "sync_status": Audited(Action.READ_DEVICE, "device"),
    "sync_changes": Audited(Action.READ_CHANGES, "territory"),
    "device_put": Audited(Action.REGISTER_DEVICE, "device"),
    "device_delete": Audited(Action.FORGET_DEVICE, "device"),
    "entity": Audited(Action.READ_ENTITY),
    "entity_history": Audited(Action.READ_HISTORY),
    "events": Audited(Action.READ_EVENTS, "territory"),
    "conflicts": Audited(Action.READ_CONFLICTS, "territory"),
    "conflict": Audited(Action.READ_CONFLICT, "conflict"),
    "conflict_resolution": Audited(Action.RESOLVE_CONFLICT, "conflict"),
    "jobs": Audited(Action.READ_JOBS, "territory"),
    "job_run": Audited(Action.READ_RUN, "run"),
    "job_start": Audited(Action.START_JOB, "job"),
    "job_cancel": Audited(Action.CANCEL_RUN, "run"),
    "job_retry": Audited(Action.RETRY_RUN, "run"),
    "evidence_upload": Audited(Action.UPLOAD_FILE, "evidencia"),
    "evidence_upload_state": Audited(Action.UPLOAD_FILE, "evidencia"),
    "evidence_upload_give_up": Audited(Action.UPLOAD_FILE, "evidencia"),
    "evidence_upload_complete": Audited(Action.VERIFY_FILE, "evidencia"),
    "evidence_download": Audited(Action.READ_FILE, "evidencia"),
    "evidence_thumbnail": Audited(Action.READ_FILE, "evidencia"),
    "audit": Audited(Action.READ_AUDIT, "territory"),
    "report_order": Audited(Action.ORDER_REPORT, "report"),
    "reports": Audited(Action.READ_REPORTS, "territory"),
    "report": Audited(Action.READ_REPORT, "report"),
    "report_download": Audited(Action.DOWNLOAD_REPORT, "report"),
    "report_proof": Audited(Action.READ_PROOF, "report"),
    "report_verify": None,
    "report_page": None,
    "health_live": None,
    "health_ready": None,
    "metrics": None,
    "schema": None,
    "schema_json": None,
    "schema_page_file": None,
}
"""Every endpoint by name; None: nobody's data, and anybody may."""


class Told(msgspec.Struct):
    """What becomes known of a call on its way: who calls, what its handler says that it concerns, and whether it is
    told of already."""

    caller: Caller | None = None
    municipios: tuple[str, ...] | None = None
    code: str | None = None
    done: bool = False


def entry_of(audited: Audited, services: Services, scope: Any, told: Told, status: int) -> Entry:
    """The entry of a call."""
    caller = told.caller
    path = scope.get("path_params") or {}
    headers = dict(scope["headers"])
    device = path.get("device_id") or headers.get(b"x-device-id", b"").decode("utf-8", "replace").strip()
    return Entry(
        action=audited.action,
        status=status,
        user=None if caller is None else caller.user,
        role=None if caller is None else caller.role.value,
        device_id=device or None,
        target_type=audited.target or path.get("type"),
        target_id=_target_id(path),
        municipios=_municipios(told),
        address=services.proxies.client(scope),
        request_id=scope[REQUEST_ID_KEY],
        code=told.code,
    )


async def settle(audited: Audited, services: Services, scope: Any, told: Told, answer: ASGIResponse) -> ASGIResponse:
    """The answer, once it is told of where it must be; or the refusal that takes its place. Raises Problem 503."""
    status = answer.status_code
    if told.done or status in _UNREAD or status >= 500:
        return answer
    entry = entry_of(audited, services, scope, told, status)
    if entry.outcome is not Outcome.ALLOWED:
        services.audit.note(entry)
    elif not audited.elsewhere:
        await record(services, entry)
    return answer


async def record(services: Services, entry: Entry) -> None:
    """Write the entry of what is about to be answered. Raises Problem 503."""
    try:
        await services.audit.record(entry)
    except AuditUnavailable as error:
        raise unrecorded() from error


def unrecorded() -> Problem:
    """The 503 of what may not be answered because nothing tells of it."""
    return unavailable("The audit trail cannot be written")


def _target_id(path: Any) -> str | None:
    """Of what the path names: `…/{id}`, or the only thing that it names."""
    named = path.get("id") or next(iter(path.values()), None)
    return None if named is None else str(named).replace("\x00", "/")


def _municipios(told: Told) -> tuple[str, ...]:
    """What the handler says, else all that the caller may see."""
    if told.municipios is not None:
        return told.municipios
    return () if told.caller is None else tuple(sorted(told.caller.municipios))
