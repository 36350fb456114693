"""Every call of the wire as its document describes it."""

from typing import Any, Final

import msgspec

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
from techdengue.audit import AuditEntry
from techdengue.http.audit import AuditQuery
from techdengue.http.batch import SyncRequest
from techdengue.http.changes import ChangesQuery
from techdengue.http.operational import Live, Ready
from techdengue.http.reading import ConflictsQuery, EntityQuery, EventsQuery, HistoryQuery
from techdengue.intake.model import Resolution, Resolved, SyncAnswer

from . import examples
from .evidence_calls import EVIDENCE_OPERATIONS
from .jobs import JOBS
from .operation import ALWAYS, CALLED, LISTED, STRUCTURED, WITH_BODY, Operation
from .report_calls import REPORT_CALLS

_SOCKET: Final = (
    "malformed_frame",
    "invalid_cursor",
    "invalid_device_id",
    "device_taken",
    "token_mismatch",
    "device_silent",
    "reader_too_slow",
    "earlier_frame_refused",
    "window_exceeded",
    "overloaded",
    "body_too_large",
    "server_stopping",
)
"""Told in messages and in the reason of the close; none is a status of the upgrade."""
_DEVICE: Final = ("invalid_device_id", "device_taken")


OPERATIONS: Final = (
    Operation(
        name="sync",
        method="post",
        path="/api/sync",
        tag="devices",
        summary="Send a batch of operations",
        description="Answers once everything is on disk, 200 even where single operations failed: each is a success, "
        "a conflict that waits for a person, or an error that was not recorded. The same key with the same content is "
        "answered as the first time.",
        problem_codes=(
            "device_required",
            "device_mismatch",
            *_DEVICE,
            "too_many_operations",
            "overloaded",
            *WITH_BODY,
        ),
        body=SyncRequest,
        body_examples={"the least": examples.FIRST_SYNC, "with everything": examples.SYNC_REQUEST},
        answer=SyncAnswer,
        answer_text="What became of each operation; each list keeps the order of the request.",
        answer_examples={"one of each": examples.SYNC_ANSWER},
    ),
    Operation(
        name="sync_stream",
        method="post",
        path="/api/sync/stream",
        tag="devices",
        summary="Send an operation log of any length",
        description="One operation a line, read as it arrives; its answer begins at once and has a line for each "
        "operation, in their order, once it is on disk: `kind` is `success`, `conflict` or `error`, `index` the "
        "operation's number in this stream. The last line is `end`, or a `problem` that says why the stream had to "
        "stop. Send what was not answered again, with the same keys.",
        problem_codes=(
            "device_required",
            *_DEVICE,
            "invalid_parameter",
            "unsupported_media_type",
            "unsupported_encoding",
            *CALLED,
        ),
        body_text=examples.STREAM_BODY,
        answer_text="A line for each operation, and one that says how it ended.",
        media_types=("application/x-ndjson",),
        text_examples={"application/x-ndjson": examples.STREAM_ANSWER},
    ),
    Operation(
        name="sync_ws",
        method="get",
        path="/api/sync/ws",
        tag="devices",
        summary="A device's WebSocket: operations up, answers and changes down",
        description="Text frames of JSON, told apart by `type`. Every message and the close codes are under "
        "`x-websocket` of this operation in [the document](/schema/openapi.json), with examples. "
        "The subprotocol `techdengue.sync.1` is echoed where it is offered. What the upgrade is refused for is "
        "answered as over HTTP.",
        problem_codes=("upgrade_required", *_SOCKET, *CALLED),
        status=101,
        answer_text="The WebSocket is open.",
        said=examples.SAID,
        told=examples.TOLD,
    ),
    Operation(
        name="sync_status",
        method="get",
        path="/api/sync/status/{device_id}",
        tag="devices",
        summary="What became of a device's work",
        problem_codes=("device_not_found", *_DEVICE, *CALLED),
        path_examples={"device_id": "android-test-123"},
        answer=DeviceStatus,
        answer_text="Counts that add up, without delay.",
        answer_examples={"status": examples.STATUS},
    ),
    Operation(
        name="sync_changes",
        method="get",
        path="/api/sync/changes",
        tag="devices",
        summary="What changed since the cursor",
        description="Without a cursor: the full download. Each entity comes once, in its newest state; a deleted one "
        "with `deleted: true` and no data. Keep `next_cursor` for the next call. With `wait`, an answer that would "
        "hold nothing is held back until there is something, or the time is over. As `text/event-stream`, pages come "
        "as they come to be: events `changes` whose id is the cursor, comments while nothing happens, and an event "
        "`problem` before an end that is not the client's.",
        problem_codes=("too_many_waiting", *LISTED),
        query=ChangesQuery,
        answer=Page[Document],
        answer_text="A page of documents.",
        answer_examples={"page": examples.CHANGES},
        media_types=(*STRUCTURED, "text/event-stream"),
        text_examples={"text/event-stream": examples.EVENT_STREAM},
    ),
    Operation(
        name="device_put",
        method="put",
        path="/api/devices/{device_id}",
        tag="devices",
        summary="Register or refresh a device",
        description="It belongs to the user who first registers it. A field that is not sent stays as it is; null "
        "clears it. `push` is where messages go: another one takes its place, and one that another device had moves "
        "here. The owner's role and territory are kept with it: messages about a município go to its managers.",
        problem_codes=(*_DEVICE, *WITH_BODY),
        path_examples={"device_id": "android-test-123"},
        body=DeviceRegistration,
        body_examples={
            "android": {
                "push": {"kind": "fid", "value": "cXa9-Firebase-Installation-Id"},
                "platform": "android",
                "model": "Moto G54",
                "app_version": "3.2.0",
            },
            "with a registration token": {"push": {"kind": "token", "value": "registration-token"}},
            "an app that knows no push": {"fcm_token": "registration-token"},
        },
        answer=Device,
        answer_text="The device as it is registered now.",
        answer_examples={"device": examples.DEVICE},
    ),
    Operation(
        name="device_delete",
        method="delete",
        path="/api/devices/{device_id}",
        tag="devices",
        summary="Forget a device",
        description="Its push token and description go; its operations stay in the log, its owner stays its owner.",
        problem_codes=("device_not_found", *_DEVICE, *CALLED),
        path_examples={"device_id": "android-test-123"},
        status=204,
        answer_text="Forgotten.",
    ),
    Operation(
        name="entity",
        method="get",
        path="/api/entities/{type}/{id}",
        tag="people",
        summary="An entity's document, now or as of a cut of the log",
        description="`as_of` and `provenance` need the role VIGILANCIA, and answer `sequence` and `position` too.",
        problem_codes=("invalid_parameter", "municipio_required", "entity_not_found", *CALLED),
        query=EntityQuery,
        path_examples={"type": "atividade", "id": "1"},
        answer=(Document, EntityAsOf),
        answer_text="The document.",
        answer_examples={"now": examples.DOCUMENT, "with provenance": examples.DOCUMENT_AS_OF},
    ),
    Operation(
        name="entity_history",
        method="get",
        path="/api/entities/{type}/{id}/history",
        tag="people",
        summary="An entity's events, each with the diff that it made",
        problem_codes=("municipio_required", "entity_not_found", *LISTED),
        query=HistoryQuery,
        path_examples={"type": "atividade", "id": "1"},
        answer=Page[HistoryEvent],
        answer_text="A page of events, oldest first.",
        answer_examples={"page": examples.HISTORY},
    ),
    Operation(
        name="events",
        method="get",
        path="/api/events",
        tag="people",
        summary="The log, filtered",
        description="In the order of the log. As NDJSON, the cursor is in the headers X-Next-Cursor and Link.",
        problem_codes=LISTED,
        query=EventsQuery,
        answer=Page[Event],
        answer_text="A page of events, oldest first.",
        answer_examples={"page": examples.EVENTS},
        text_examples={"application/x-ndjson": msgspec.json.encode(examples.EVENTS.items[0]).decode() + "\n"},
        media_types=(*STRUCTURED, "application/x-ndjson"),
    ),
    Operation(
        name="conflicts",
        method="get",
        path="/api/conflicts",
        tag="people",
        summary="The manual queue",
        problem_codes=LISTED,
        query=ConflictsQuery,
        answer=Page[Conflict],
        answer_text="A page of conflicts, oldest first.",
        answer_examples={"page": examples.CONFLICTS},
    ),
    Operation(
        name="conflict",
        method="get",
        path="/api/conflicts/{id}",
        tag="people",
        summary="One conflict, leaf by leaf",
        problem_codes=("conflict_not_found", *CALLED),
        path_examples={"id": examples.CONFLICT_ID},
        answer=ConflictDetail,
        answer_text="Base, client's and server's.",
        answer_examples={"conflict": examples.CONFLICT},
    ),
    Operation(
        name="conflict_resolution",
        method="post",
        path="/api/conflicts/{id}/resolution",
        tag="people",
        summary="Settle a conflict",
        description="`client` applies the parked operation now, `server` drops it, `merge` merges it, `custom` applies "
        "the merge patch in `data`.",
        problem_codes=(
            "conflict_not_found",
            "conflict_already_resolved",
            "idempotency_key_reused",
            "invalid_data",
            "overloaded",
            *WITH_BODY,
        ),
        path_examples={"id": examples.CONFLICT_ID},
        body=Resolution,
        body_examples={
            "client": {"choice": "client", "idempotency_key": "settle-1", "note": "falei com a agente"},
            "custom": {"choice": "custom", "idempotency_key": "settle-2", "data": {"status": "CANCELADA"}},
        },
        answer=Resolved,
        answer_text="Who settled it, when and how.",
        answer_examples={"settled": examples.RESOLVED},
    ),
    *EVIDENCE_OPERATIONS,
    *JOBS,
    Operation(
        name="audit",
        method="get",
        path="/api/audit",
        tag="people",
        summary="The audit trail: who read or changed what, when and from where",
        description="Newest first, without the content of any document. Reading it is an entry of it too. Batches of "
        "devices come into it some seconds after their commit.",
        problem_codes=LISTED,
        query=AuditQuery,
        answer=Page[AuditEntry],
        answer_text="A page of entries, newest first.",
        answer_examples={"page": examples.AUDIT},
    ),
    *REPORT_CALLS,
    Operation(
        name="health_live",
        method="get",
        path="/health/live",
        tag="server",
        summary="Does the process answer?",
        problem_codes=ALWAYS,
        answer=Live,
        answer_text="It does.",
        answer_examples={"live": Live()},
    ),
    Operation(
        name="health_ready",
        method="get",
        path="/health/ready",
        tag="server",
        summary="Can it serve?",
        description="503 names the dependencies that do not answer, in `checks`.",
        problem_codes=("unavailable", *ALWAYS),
        answer=Ready,
        answer_text="It can.",
        answer_examples={"ready": Ready(checks={"database": "ok"})},
    ),
    Operation(
        name="metrics",
        method="get",
        path="/metrics",
        tag="server",
        summary="Metrics for Prometheus",
        problem_codes=ALWAYS,
        answer_text="Prometheus' text format.",
        media_types=("text/plain",),
        text_examples={"text/plain": "# TYPE http_requests_total counter\n"},
    ),
    Operation(
        name="schema",
        method="get",
        path="/schema",
        tag="server",
        summary="This document, or a page to read and try it",
        problem_codes=ALWAYS,
        answer=dict[str, Any],
        answer_text="The document; HTML where Accept prefers it.",
        answer_examples={"document": {"openapi": "3.1.0", "info": {"title": "TechDengue"}}},
        media_types=("application/json", "text/html"),
        text_examples={"text/html": "<!DOCTYPE html>"},
    ),
    Operation(
        name="schema_json",
        method="get",
        path="/schema/openapi.json",
        tag="server",
        summary="This document",
        problem_codes=ALWAYS,
        answer=dict[str, Any],
        answer_text="The document.",
        answer_examples={"document": {"openapi": "3.1.0", "info": {"title": "TechDengue"}}},
        media_types=("application/json",),
    ),
    Operation(
        name="schema_page_file",
        method="get",
        path="/schema/page/{name}",
        tag="server",
        summary="A file of the page",
        problem_codes=("route_not_found", "internal_error"),
        path_examples={"name": "start.js"},
        answer_text="The file.",
        media_types=("text/javascript", "text/css", "image/png"),
        text_examples={"text/javascript": "window", "text/css": "body {}", "image/png": "PNG"},
    ),
)
