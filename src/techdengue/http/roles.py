"""Who may call what: the least role of every endpoint, in one table (None: anybody, even without a token)."""

from techdengue.domain.access import Caller, Role

from .problems import Problem

LEAST_ROLE: dict[str, Role | None] = {
    "sync": Role.CAMPO,
    "sync_stream": Role.CAMPO,
    "sync_ws": Role.CAMPO,
    "sync_status": Role.CAMPO,
    "sync_changes": Role.CAMPO,
    "device_put": Role.CAMPO,
    "device_delete": Role.CAMPO,
    "entity": Role.CAMPO,
    "entity_as_of": Role.VIGILANCIA,  # `entity` with as_of or provenance
    "entity_history": Role.VIGILANCIA,
    "events": Role.VIGILANCIA,
    "conflicts": Role.VIGILANCIA,
    "conflict": Role.VIGILANCIA,
    "conflict_resolution": Role.GESTOR,
    "audit": Role.ADMIN,
    "jobs": Role.GESTOR,
    "job_run": Role.GESTOR,
    "job_start": Role.GESTOR,  # and what the job itself asks for
    "job_cancel": Role.ADMIN,
    "job_retry": Role.ADMIN,
    "evidence_upload": Role.CAMPO,
    "evidence_upload_state": Role.CAMPO,
    "evidence_upload_give_up": Role.CAMPO,
    "evidence_upload_complete": Role.CAMPO,
    "evidence_download": Role.CAMPO,
    "evidence_thumbnail": Role.CAMPO,
    "report_order": Role.GESTOR,
    "reports": Role.VIGILANCIA,
    "report": Role.CAMPO,  # whoever completed an activity is told of its report
    "report_download": Role.CAMPO,
    "report_proof": Role.CAMPO,
    "report_verify": None,
    "report_page": None,
    "health_live": None,
    "health_ready": None,
    "metrics": None,
    "schema": None,
    "schema_json": None,
    "schema_page_file": None,
}

ANY_DEVICE = Role.ADMIN
"""The least role that may act on a device that is another user's."""


def require(caller: Caller, least: Role) -> None:
    """Raise Problem 403 where the caller's role is below `least`."""
    if not caller.is_at_least(least):
        raise Problem("forbidden_role", f"This needs the role {least.value}; the token has {caller.role.value}")


def require_device(caller: Caller, owner: str | None) -> None:
    """Raise Problem 403 where the device is another user's."""
    if owner is not None and owner != caller.user and not caller.is_at_least(ANY_DEVICE):
        raise Problem("device_taken", "This device is registered to another user")
