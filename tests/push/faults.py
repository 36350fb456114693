"""The answers of FCM's error table, as FCM words them, and worse ones."""

import enum
import json
from typing import Any

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


class Fault(enum.StrEnum):
    """What a stand-in does with a message instead of taking it. A target whose value holds the name gets it always."""

    UNREGISTERED = "unregistered"
    INVALID_TOKEN = "invalid-token"
    INVALID_FID = "invalid-fid"
    INVALID_DATA = "invalid-data"
    SENDER_ID_MISMATCH = "sender-id-mismatch"
    QUOTA_EXCEEDED = "quota-exceeded"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    BAD_GATEWAY = "bad-gateway"
    """502, as HTML."""
    THIRD_PARTY_AUTH_ERROR = "third-party-auth-error"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    """403 without a word of FCM's."""
    NOT_FOUND = "not-found"
    """404 of the address, not of a target."""
    SLOW = "slow"
    """No answer until `StandIn.release`."""
    DROPPED = "dropped"
    """The connection is cut before the message is taken."""
    ANSWER_LOST = "answer-lost"
    """The message is taken, and the connection cut before the answer."""
    WRONG_SERVER = "wrong-server"
    """200 from something that is not FCM."""


Wire = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


def wire_of(fault: Fault, headers: dict[str, str] | None = None) -> Wire | None:
    """The answer of a fault; None where it is none."""
    status, content, body = _ANSWERS.get(fault, (0, "", b""))
    return (status, {"Content-Type": content, **(headers or {})}, body) if status else None


def _json(
    code: int, status: str, error_code: str = "", *, field: str = "", message: str = "told by the stand-in"
) -> tuple[int, str, bytes]:
    details: list[dict[str, Any]] = []
    if error_code:
        details.append({"@type": FCM_ERROR, "errorCode": error_code})
    if field:
        details.append({"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": message}]})
    error = {"code": code, "message": message, "status": status, "details": details}
    return code, "application/json; charset=UTF-8", json.dumps({"error": error}).encode()


def invalid(field: str) -> Wire:
    """400 for one field of the body."""
    code, content, body = _json(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", field=field)
    return code, {"Content-Type": content}, body


_ANSWERS = {
    Fault.UNREGISTERED: _json(404, "NOT_FOUND", "UNREGISTERED"),
    Fault.INVALID_TOKEN: _json(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", field="message.token"),
    Fault.INVALID_FID: _json(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", field="message.fid"),
    Fault.INVALID_DATA: _json(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", field="message.data[0].value"),
    Fault.SENDER_ID_MISMATCH: _json(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
    Fault.QUOTA_EXCEEDED: _json(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
    Fault.UNAVAILABLE: _json(503, "UNAVAILABLE", "UNAVAILABLE"),
    Fault.INTERNAL: _json(500, "INTERNAL", "INTERNAL"),
    Fault.BAD_GATEWAY: (502, "text/html", b"<!DOCTYPE html><title>502</title><h1>Bad Gateway</h1>"),
    Fault.THIRD_PARTY_AUTH_ERROR: _json(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
    Fault.UNAUTHENTICATED: _json(401, "UNAUTHENTICATED"),
    Fault.FORBIDDEN: _json(403, "PERMISSION_DENIED"),
    Fault.NOT_FOUND: (404, "text/html", b"<!DOCTYPE html><title>404</title>"),
    Fault.WRONG_SERVER: (200, "text/html", b"<!DOCTYPE html><title>Sign in to the network</title>"),
}
