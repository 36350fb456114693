"""`GET /api/audit`: who read or changed what, for those who must know."""

from typing import Annotated

import msgspec
from litestar.response.base import ASGIResponse

from techdengue.audit import Action, AuditWanted, Outcome

from .call import Call
from .problems import Problem
from .reading import Limit, Moment, Municipio, in_utc

_Named = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `GET /api/audit`."""

    user: _Named | None = None
    device: _Named | None = None
    action: Action | None = None
    outcome: Outcome | None = None
    target_type: _Named | None = None
    target_id: _Named | None = None
    municipio: Municipio | None = None
    since: Moment | None = None
    until: Moment | None = None
    cursor: str | None = None
    limit: Limit = 100


async def read_audit(call: Call) -> ASGIResponse:
    """`GET /api/audit`."""
    wanted = call.query(AuditQuery)
    if wanted.target_id is not None and wanted.target_type is None:
        raise Problem("invalid_parameter", "An id needs its type", path="/target_type")
    if wanted.municipio is not None:
        if not call.caller.may_touch(wanted.municipio):
            why = f"your token does not name município {wanted.municipio}"
            raise Problem("invalid_parameter", why, path="/municipio")
        call.concerns(wanted.municipio)
    query = AuditWanted(
        user=wanted.user,
        device=wanted.device,
        action=None if wanted.action is None else wanted.action.value,
        outcome=None if wanted.outcome is None else wanted.outcome.value,
        target_type=wanted.target_type,
        target_id=wanted.target_id,
        municipio=wanted.municipio,
        since=in_utc(wanted.since, "/since"),
        until=in_utc(wanted.until, "/until"),
    )
    return await call.answer(
        await call.services.readers.audit(call.caller, query, cursor=wanted.cursor, limit=wanted.limit)
    )
