"""What the document says of parameters of the query and of headers."""

from typing import Any, Final

from . import examples

PARAMETER_TEXTS: Final[dict[str, tuple[str, Any]]] = {
    "cursor": ("Where to go on: `next_cursor` of the page before, of the same list and filters.", examples.CURSOR),
    "limit": ("The most items of the page.", 100),
    "entity_type": ("Only entities of this type.", "atividade"),
    "wait": ("How many seconds to wait for a change, where there is none since the cursor.", 30),
    "as_of": ("A position of the log, or a time (RFC 3339 with offset) of `received_at`.", "1234"),
    "provenance": ("Whether to say who set each leaf, when and from which device.", True),
    "municipio_cod_ibge": ("The município, where the id exists in several of the token's.", "5103403"),
    "type": ("Only of this entity type.", "atividade"),
    "id": ("Only of this entity; needs `type`.", "1"),
    "device": ("Only from this device.", "android-test-123"),
    "user": ("Only by this user.", "maria"),
    "since": ("Only received at this time or later (RFC 3339 with offset).", "2024-01-15T00:00:00Z"),
    "until": ("Only received before this time (RFC 3339 with offset).", "2024-01-16T00:00:00Z"),
    "outcome": ("Only with this outcome.", "applied"),
    "action": ("Only of this kind.", "read_entity"),
    "audit.outcome": ("`allowed`, `denied`, `absent` or `refused`.", "denied"),
    "target_type": ("Only about something of this type.", "atividade"),
    "target_id": ("Only about this one; needs `target_type`.", "1"),
    "municipio": ("Only of this município.", "5103403"),
    "code": ("Only with this code: `EVD01` or `SEMANAL`.", "EVD01"),
    "atividade_id": ("Only of this atividade.", "1"),
    "format": ("`pdf`, or `json` of a SEMANAL.", "pdf"),
    "report_id": ("The report that it is to be of; any, where it is left out.", "0192f3a1-c0de-7abc-8def-0123456789ab"),
    "reports.status": ("`queued`, `ready` or `failed`.", "ready"),
    "status": ("`open`, `resolved` or `any`.", "open"),
    "queue": ("Only of this queue.", "reports"),
    "job": ("Only of the job of this name.", "aggregate_sync_metrics"),
    "jobs.status": ("Only with this status; `failed` are the dead letters.", "failed"),
}
"""By name, wherever it is taken, or by call and name: a text and an example."""

_DEVICE_ID: Final = {"type": "string", "minLength": 1, "maxLength": 128}
HEADER_PARAMETERS: Final[dict[str, dict[str, tuple[bool, str, dict[str, Any], str]]]] = {
    "sync": {
        "X-Device-ID": (
            False,
            "The device, unless the body's `device_id` names it; both, if given, must agree.",
            _DEVICE_ID,
            "android-test-123",
        )
    },
    "sync_changes": {
        "Last-Event-ID": (
            False,
            "Of a stream of events: go on after this event. Wins over `cursor`.",
            {"type": "string"},
            examples.CURSOR,
        ),
    },
    "sync_stream": {
        "X-Device-ID": (True, "The device.", _DEVICE_ID, "android-test-123"),
        "X-Sent-At": (
            False,
            "The device's clock when it began to send: `sent_at` of a batch.",
            {"type": "string", "format": "date-time"},
            "2024-01-15T18:02:10Z",
        ),
        "X-Batch-ID": (
            False,
            "Kept with the events: `batch_id` of a batch.",
            {"type": "string", "maxLength": 255},
            "0192f3a1-c0de-7abc-8def-0123456789ab",
        ),
    },
}
"""By call and name: whether it is required, a text, a schema and an example."""
