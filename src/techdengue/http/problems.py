"""Every refusal of a whole request: the one table of codes, HTTP statuses and what to do next (RFC 9457)."""

from typing import Any

import msgspec
from litestar.response.base import ASGIResponse

from techdengue.intake import errors as intake_errors

PROBLEM_MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:techdengue:problem:"


class Kind(msgspec.Struct, frozen=True):
    """What one code means, to HTTP and to a person."""

    status: int
    title: str
    next_step: str


KINDS: dict[str, Kind] = {
    "malformed_body": Kind(
        400, "The body cannot be read", "Send well-formed JSON or MessagePack, packed as Content-Encoding says."
    ),
    "invalid_parameter": Kind(400, "A parameter is not acceptable", "Correct the parameter that `path` names."),
    "device_required": Kind(
        400, "No device is named", "Send X-Device-ID. A batch may have device_id in its body instead."
    ),
    "device_mismatch": Kind(400, "Two devices are named", "Let X-Device-ID and device_id agree, or send one."),
    "invalid_device_id": Kind(400, "No device has such an id", "Use 1 to 128 printable characters."),
    "invalid_cursor": Kind(400, "The cursor is not of this list", "Begin again without a cursor."),
    "malformed_frame": Kind(400, "A message cannot be read", "Correct what `detail` says, and connect again."),
    "municipio_required": Kind(400, "Two entities have this id", "Name the município in `municipio_cod_ibge`."),
    "token_required": Kind(401, "No token was sent", "Send `Authorization: Bearer <token>`."),
    "invalid_token": Kind(
        401,
        "The token is not acceptable",
        "Sign in again. A development token works only with the server whose key made it.",
    ),
    "token_expired": Kind(401, "The token has expired", "Refresh the token and send the same request again."),
    "forbidden_role": Kind(403, "The role may not do this", "Ask for a role that may."),
    "forbidden_territory": Kind(
        403,
        "The token is not of every município",
        "Ask for a token of `*`, or name a município where the job takes one.",
    ),
    "device_taken": Kind(
        403,
        "The device belongs to another user",
        "Sign in as its user, use another device id, or have an ADMIN forget it: DELETE /api/devices/{device_id}.",
    ),
    "token_mismatch": Kind(
        403, "The token is of another user or territory", "Open a connection of its own for this token."
    ),
    "route_not_found": Kind(404, "There is nothing at this address", "See /schema for what there is."),
    "entity_not_found": Kind(404, "No such entity in your territory", "Check type, id and município."),
    "conflict_not_found": Kind(404, "No such conflict in your territory", "List the open ones at /api/conflicts."),
    "device_not_found": Kind(404, "This device has never been seen", "Sync or register it first."),
    "job_not_found": Kind(404, "There is no such job", "See docs/jobs.md for their names."),
    "run_not_found": Kind(404, "No such run in your territory", "List them at /api/jobs."),
    "file_not_found": Kind(
        404, "There is no such file", "Upload it and complete the upload, or wait for its thumbnail."
    ),
    "report_not_found": Kind(404, "No such report", "List those of your municípios at /api/reports."),
    "method_not_allowed": Kind(405, "The address does not take this method", "See the Allow header."),
    "not_acceptable": Kind(406, "No such form of the answer", "Accept one of the media types that /schema lists."),
    "device_silent": Kind(408, "Nothing was heard of the device", "Connect again, and answer heartbeats."),
    "reader_too_slow": Kind(408, "The device does not read", "Connect again, and read what comes."),
    "earlier_frame_refused": Kind(
        409, "A frame before this one was refused", "Send the refused frame and all later ones again."
    ),
    "report_not_ready": Kind(409, "The report is not ready", "Read it again soon; where it has failed, order another."),
    "conflict_already_resolved": Kind(
        409, "Somebody settled this conflict before", "See `resolved` for who, when and how."
    ),
    "run_ended": Kind(409, "The run has ended", "There is nothing left to cancel."),
    "run_not_retryable": Kind(409, "The run is no dead letter", "Start a new one: POST /api/jobs/{name}."),
    "idempotency_key_reused": Kind(
        409, "The key already names other content", "Use a new idempotency_key for new content."
    ),
    "upload_not_begun": Kind(409, "No upload is on its way", "Begin one: POST /api/evidencias/{id}/upload."),
    "upload_incomplete": Kind(
        409, "The upload is not complete", "Ask for the addresses of the parts in `missing`, send them, complete again."
    ),
    "upload_outdated": Kind(409, "The upload is of another file", "Begin again: POST /api/evidencias/{id}/upload."),
    "file_verified": Kind(409, "The file was verified", "Delete the evidencia to take the file back."),
    "evidence_deleted": Kind(410, "The evidencia was deleted", "Create another evidencia."),
    "file_deleted": Kind(410, "The file was removed", "Upload the same bytes again, where they still are."),
    "body_too_large": Kind(413, "The body is too large", "Send it in smaller parts."),
    "too_many_operations": Kind(413, "The batch has too many operations", "Send it in smaller batches."),
    "unsupported_media_type": Kind(
        415, "The body's media type is not taken", "Send what the Accept header of this answer names."
    ),
    "unsupported_encoding": Kind(415, "The body's content encoding is not taken", "Send it plain, or as gzip or zstd."),
    "invalid_body": Kind(422, "The body is not of the right shape", "Correct the field that `path` names."),
    "invalid_data": Kind(422, "The data is not acceptable", "Correct the field that `path` names."),
    "file_refused": Kind(
        422, "The file is not what the evidencia says", "Correct the evidencia, or begin again with the right file."
    ),
    "nothing_to_report": Kind(
        422, "There is no verified evidence", "Complete the upload of some evidence, then order the report."
    ),
    "upgrade_required": Kind(426, "This address speaks WebSocket", "Connect with a WebSocket client."),
    "window_exceeded": Kind(429, "More was sent than may wait", "Wait for answers as the window of `welcome` says."),
    "overloaded": Kind(
        429, "Too many operations are waiting", "Nothing was recorded: wait for Retry-After, send the same again."
    ),
    "internal_error": Kind(
        500, "The server failed", "Send the same keys again; if it stays, report the request id in `instance`."
    ),
    "no_storage": Kind(501, "This server keeps no files", "Keep the file; the server needs TECHDENGUE_S3_BUCKET."),
    "too_many_waiting": Kind(
        503, "Too many requests wait for changes", "Wait for Retry-After, or ask without `wait` meanwhile."
    ),
    "server_stopping": Kind(503, "The server is stopping", "Connect again: another server answers."),
    "unavailable": Kind(503, "A part of the server is away", "Wait for Retry-After and send the same keys again."),
}


_NEXT_WITHOUT_PLACE = {
    "invalid_parameter": "Correct the query string as `detail` says.",
    "invalid_body": "Correct the body as `detail` says.",
    "invalid_data": "Correct the body as `detail` says.",
}


class Problem(Exception):
    """A refusal of a whole request. `members` are the code's extension members (`path`, `resolved` …)."""

    def __init__(self, code: str, detail: str, *, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.members = members

    @property
    def status(self) -> int:
        """The HTTP status of the code."""
        return KINDS[self.code].status


def problem_document(problem: Problem, instance: str) -> dict[str, Any]:
    """The members of the problem document; `instance` names this one occurrence (`urn:…:<request id>`)."""
    kind = KINDS[problem.code]
    nowhere = not problem.members.get("path")
    return {
        "type": _TYPE_PREFIX + problem.code,
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "instance": instance,
        "code": problem.code,
        "next": _NEXT_WITHOUT_PLACE.get(problem.code, kind.next_step) if nowhere else kind.next_step,
        **problem.members,
    }


def problem_object(problem: Problem, instance: str) -> dict[str, Any]:
    """The problem document where there are no headers: `retry_after` is what Retry-After says over HTTP."""
    wait = problem.headers.get("retry-after")
    return {**problem_document(problem, instance), **({} if wait is None else {"retry_after": int(wait)})}


def problem_response(problem: Problem, request_id: str) -> ASGIResponse:
    """The answer to a request that was refused."""
    document = problem_document(problem, f"urn:techdengue:request:{request_id}")
    return ASGIResponse(
        body=msgspec.json.encode(document),
        status_code=problem.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers={"cache-control": "no-store", **problem.headers},
    )


def unauthenticated(code: str, detail: str) -> Problem:
    """A 401 with the challenge of RFC 6750: a bare one where no token was sent."""
    if code == "token_required":
        challenge = 'Bearer realm="techdengue"'
    else:
        challenge = f'Bearer realm="techdengue", error="invalid_token", error_description="{detail}"'
    return Problem(code, detail, headers={"www-authenticate": challenge})


def invalid_cursor() -> Problem:
    """A 400: this cursor leads nowhere here."""
    return Problem("invalid_cursor", "The cursor is of another list, scope or log")


def token_expired() -> Problem:
    """The token was good when a long answer or a WebSocket began, and has ended since."""
    return Problem("token_expired", "The token has expired")


def server_stopping() -> Problem:
    """Why a stream or a WebSocket ends when the server does."""
    return Problem("server_stopping", "The server is stopping; connect again")


def unavailable(detail: str, *, retry_after: int = 5) -> Problem:
    """A 503: nothing is known to be recorded."""
    return Problem("unavailable", detail, headers={"retry-after": str(retry_after)})


def database_away() -> Problem:
    """The 503 of a database that cannot be reached, or has no time."""
    return unavailable("The database cannot be reached")


def from_intake(error: intake_errors.IntakeError) -> Problem:
    """How the intake's refusals look on the wire."""
    match error:
        case intake_errors.Overloaded():
            return Problem("overloaded", str(error), headers={"retry-after": str(error.retry_after)})
        case intake_errors.Unavailable():
            return unavailable("The log cannot be reached", retry_after=error.retry_after)
        case intake_errors.AnswerTooLarge():
            return Problem("too_many_operations", str(error))
        case intake_errors.DeviceTaken():
            return Problem("device_taken", "This device is registered to another user")
        case intake_errors.ConflictNotFound():
            return Problem("conflict_not_found", "No such conflict in the token's municípios")
        case intake_errors.ConflictAlreadyResolved():
            return Problem("conflict_already_resolved", "This conflict has been settled", resolved=error.resolved)
        case intake_errors.ResolutionRefused():
            return _refused_resolution(error)
        case _:
            raise error


def _refused_resolution(error: intake_errors.ResolutionRefused) -> Problem:
    code = error.code.value if error.code.value in KINDS else "invalid_data"
    members: dict[str, Any] = {} if error.path is None else {"path": error.path}
    return Problem(code, str(error), **members)
