"""One example of every answer, as structs: the OpenAPI document shows them, a test holds them to their schemas."""

from typing import Any, Final

import msgspec

from projections.model import (
    Conflict,
    ConflictDetail,
    Device,
    DeviceStatus,
    Document,
    EntityAsOf,
    Event,
    HistoryEvent,
    LeafChange,
    LeafConflict,
    Origin,
    Page,
    PushState,
)
from techdengue.audit import AuditEntry
from techdengue.domain.operation import (
    Choice,
    ConflictType,
    ErrorCode,
    OperationKind,
    Outcome,
    SentOperation,
    Strategy,
)
from techdengue.http.answer_lines import Answered, answer_line, last_line
from techdengue.http.event_stream import event_of
from techdengue.http.problems import Problem, problem_object
from techdengue.http.socket import messages
from techdengue.intake.model import Parked, Refusal, Resolved, Success, SyncAnswer
from techdengue.resolver import Contest, Operation, suggestion

_CURSOR: Final = "ksQMcmVzdW1lLWhlcmUhkc0E0g"
_SEEN: Final = "2024-01-15T14:30:00.000000Z"
_RECEIVED: Final = "2024-01-15T18:02:11.204817Z"
_CONFLICT: Final = "5f0c2c1e-7a0b-5d56-9f4e-3a1b8c9d0e21"
_DATA: Final[dict[str, Any]] = {
    "tipo": "VISTORIA",
    "status": "CONCLUIDA",
    "municipio_cod_ibge": "5103403",
    "localizacao": {"type": "Point", "coordinates": [-56.0949, -15.6014]},
}
_SUGGESTED: Final = suggestion(
    ConflictType.UPDATE_UPDATE,
    Operation(kind=OperationKind.UPDATE, device="android-test-123", key="test-key-002", time=0, received_at=0),
    [Contest(path="/status")],
)
_SERVER_DATA: Final = msgspec.Raw(msgspec.json.encode({**_DATA, "status": "EM_ANDAMENTO"}))
_RAW: Final = msgspec.Raw(msgspec.json.encode(_DATA))

FIRST_SYNC: Final[dict[str, Any]] = {
    "operations": [
        {
            "entity_type": "atividade",
            "entity_id": 1,
            "operation": "update",
            "data": {"status": "EM_ANDAMENTO"},
            "client_timestamp": "2024-01-15T14:00:00Z",
            "idempotency_key": "first-key-001",
        }
    ]
}
"""Taken by a server with the demo territory: what somebody sends who tries the page."""
SYNC_REQUEST: Final[dict[str, Any]] = {
    "operations": [
        {
            "entity_type": "atividade",
            "entity_id": 1,
            "operation": "update",
            "data": {"status": "CONCLUIDA"},
            "client_timestamp": "2024-01-15T14:30:00Z",
            "idempotency_key": "test-key-001",
            "conflict_resolution_strategy": "last_write_wins",
            "base_version": 2,
        }
    ],
    "batch_id": "0192f3a1-c0de-7abc-8def-0123456789ab",
    "device_id": "android-test-123",
    "sent_at": "2024-01-15T18:02:10Z",
}
SYNC_ANSWER: Final = SyncAnswer(
    batch_id="0192f3a1-c0de-7abc-8def-0123456789ab",
    processed=3,
    successes=[
        Success(
            entity_type="atividade",
            entity_id=1,
            operation=OperationKind.UPDATE,
            idempotency_key="test-key-001",
            status=Outcome.APPLIED,
            version=3,
        )
    ],
    conflicts=[
        Parked(
            conflict_id=_CONFLICT,
            entity_type="atividade",
            entity_id=2,
            operation=OperationKind.UPDATE,
            idempotency_key="test-key-002",
            conflict_type=ConflictType.UPDATE_UPDATE,
            client_version=_SEEN,
            server_version="2024-01-15T14:41:07.000000Z",
            base_version=3,
            client_data={"status": "CONCLUIDA"},
            server_data=_SERVER_DATA,
            suggested_resolution=_SUGGESTED,
        )
    ],
    errors=[
        Refusal(
            entity_type="atividade",
            entity_id=3,
            operation="update",
            idempotency_key="test-key-003",
            index=2,
            code=ErrorCode.INVALID_DATA,
            message="no such status",
            path="/data/status",
        )
    ],
    server_timestamp=_RECEIVED,
)
_ANSWERED: Final[tuple[Answered, ...]] = (*SYNC_ANSWER.successes, *SYNC_ANSWER.conflicts, *SYNC_ANSWER.errors)
STREAM_BODY: Final = msgspec.json.encode(SYNC_REQUEST["operations"][0]).decode() + "\n"
STREAM_ANSWER: Final = (
    b"".join(answer_line(each, index) for index, each in enumerate(_ANSWERED)) + last_line(3, _RECEIVED)
).decode()
_DOCUMENT: Final = Document(
    entity_type="atividade",
    entity_id=1,
    municipio_cod_ibge="5103403",
    version=3,
    deleted=False,
    data=_RAW,
    updated_at=_SEEN,
)
DOCUMENT: Final = _DOCUMENT
_REFUSED: Final = problem_object(
    Problem("overloaded", "too many operations are waiting; try again in 2 s", headers={"retry-after": "2"}),
    "urn:techdengue:request:0192f3a1c0de7abc8def0123456789ab",
)
SAID: Final[tuple[msgspec.Struct, ...]] = (
    messages.Hello(device_id="android-test-123", cursor=_CURSOR, credit=1000),
    messages.Operations(
        seq=1, operations=msgspec.convert(SYNC_REQUEST["operations"], list[SentOperation]), batch_id="b-1"
    ),
    messages.Credit(items=500),
    messages.Token(token="eyJhbGciOiJFZERTQSJ9…"),  # noqa: S106 - the beginning of any token
    messages.Heartbeat(),
)
TOLD: Final[tuple[msgspec.Struct, ...]] = (
    messages.Welcome(
        device_id="android-test-123",
        window=messages.Window(),
        heartbeat_seconds=30,
        token_expires_at="2024-01-15T19:00:00.000000Z",  # noqa: S106 - a time
        server_timestamp=_RECEIVED,
    ),
    messages.Results(
        seq=1, acknowledged=1, **{name: getattr(SYNC_ANSWER, name) for name in SyncAnswer.__struct_fields__}
    ),
    messages.Refused(seq=2, problem=_REFUSED),
    messages.Changes(items=[_DOCUMENT], cursor=_CURSOR, has_more=False),
    messages.Heartbeat(server_timestamp=_RECEIVED),
    messages.Trouble(problem=_REFUSED),
)
DOCUMENT_AS_OF: Final = EntityAsOf(
    entity_type="atividade",
    entity_id=1,
    municipio_cod_ibge="5103403",
    version=3,
    deleted=False,
    data=_DATA,
    updated_at=_SEEN,
    sequence=3,
    position=1234,
    provenance={
        "/status": Origin(
            device_id="android-test-123",
            user_id="maria",
            effective_time=_SEEN,
            sequence=3,
            position=1234,
            idempotency_key="test-key-001",
        )
    },
)
CHANGES: Final = Page[Document](items=[_DOCUMENT], next_cursor=_CURSOR, has_more=False)
EVENT_STREAM: Final = event_of(CHANGES).decode()
_EVENT: Final[dict[str, Any]] = {
    "position": 1234,
    "lane": 0,
    "sequence": 3,
    "version": 3,
    "municipio_cod_ibge": "5103403",
    "entity_type": "atividade",
    "entity_id": 1,
    "kind": "operation",
    "operation": "update",
    "data": {"status": "CONCLUIDA"},
    "strategy": Strategy.LAST_WRITE_WINS.value,
    "base_version": 2,
    "conflict_type": None,
    "outcome": Outcome.APPLIED.value,
    "rule_set": 1,
    "resolves": None,
    "choice": None,
    "device_id": "android-test-123",
    "user_id": "maria",
    "batch_id": "0192f3a1-c0de-7abc-8def-0123456789ab",
    "idempotency_key": "test-key-001",
    "client_timestamp": _SEEN,
    "effective_time": _SEEN,
    "received_at": _RECEIVED,
}
EVENTS: Final = Page[Event](items=[Event(**_EVENT)], next_cursor=_CURSOR, has_more=True)
HISTORY: Final = Page[HistoryEvent](
    items=[HistoryEvent(**_EVENT, diff=[LeafChange("/status", "EM_ANDAMENTO", "CONCLUIDA")])],
    next_cursor=None,
    has_more=False,
)
_CONFLICT_FIELDS: Final[dict[str, Any]] = {
    "conflict_id": _CONFLICT,
    "status": "open",
    "entity_type": "atividade",
    "entity_id": 2,
    "municipio_cod_ibge": "5103403",
    "sequence": 5,
    "position": 1235,
    "operation": "update",
    "conflict_type": ConflictType.UPDATE_UPDATE.value,
    "strategy": Strategy.MANUAL.value,
    "device_id": "android-test-123",
    "user_id": "maria",
    "idempotency_key": "test-key-002",
    "base_version": 3,
    "client_version": _SEEN,
    "server_version": "2024-01-15T14:41:07.000000Z",
    "opened_at": _RECEIVED,
    "client_data": {"status": "CONCLUIDA"},
    "server_data": _SERVER_DATA,
    "suggested_resolution": _SUGGESTED,
    "choice": None,
    "resolved_sequence": None,
    "resolved_by": None,
    "resolved_at": None,
    "note": None,
}
CONFLICTS: Final = Page[Conflict](items=[Conflict(**_CONFLICT_FIELDS)], next_cursor=None, has_more=False)
CONFLICT: Final = ConflictDetail(
    **_CONFLICT_FIELDS,
    base_data={**_DATA, "status": "CRIADA"},
    leaves=[LeafConflict(path="/status", base="CRIADA", client="CONCLUIDA", server="EM_ANDAMENTO", differs=True)],
)
RESOLVED: Final = Resolved(
    conflict_id=_CONFLICT,
    choice=Choice.CLIENT,
    resolved_by="joana",
    resolved_at="2024-01-16T09:12:44.018233Z",
    version=9,
    note="falei com a agente",
)
STATUS: Final = DeviceStatus(
    device_id="android-test-123",
    registered=True,
    user_id="maria",
    last_sync_at=_RECEIVED,
    last_effective_time=_SEEN,
    operations=42,
    operations_by_outcome={
        "applied": 38,
        "client_applied": 1,
        "merged": 1,
        "server_kept": 0,
        "no_change": 1,
        "conflict": 1,
        "resolved": 0,
    },
    open_conflicts=1,
    errors_last_day=0,
    clock_offset_ms=-1200,
    behind=False,
)
DEVICE: Final = Device(
    device_id="android-test-123",
    user_id="maria",
    platform="android",
    model="Moto G54",
    app_version="3.2.0",
    has_push_token=True,
    push=PushState(kind="fid", active=True, deactivated_at=None, reason=None),
    registered_at="2024-01-10T11:00:00.000000Z",
    updated_at=_RECEIVED,
)
CURSOR: Final = _CURSOR
CONFLICT_ID: Final = _CONFLICT
RESOLVED_BEFORE: Final[dict[str, Any]] = msgspec.to_builtins(RESOLVED)

PROBLEM_EXAMPLES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "invalid_parameter": ("limit must be from 1 to 1000; this is 0", {"path": "/limit"}),
    "invalid_body": ("operations is required", {"path": "/operations"}),
    "invalid_data": ("no such status", {"path": "/data/status"}),
    "municipio_required": ("Name the município", {"municipios": ["5103403", "5108402"]}),
    "too_many_operations": ("The batch has 1001 operations; 1000 are taken at once", {}),
    "body_too_large": ("The body has more than 5242880 bytes once unpacked", {}),
    "forbidden_role": ("This needs the role VIGILANCIA; the token has CAMPO", {}),
    "forbidden_territory": ("This is for every município; the token names some", {}),
    "conflict_already_resolved": ("This conflict has been settled", {"resolved": RESOLVED_BEFORE}),
    "upload_incomplete": ("Parts are missing: 1", {"missing": [2]}),
    "file_refused": (
        "Its type is application/pdf, not image/jpeg",
        {"reason": "type", "expected": "image/jpeg", "found": "application/pdf"},
    ),
    "too_many_waiting": ("1000 requests wait here for changes already", {}),
    "unavailable": ("The database cannot be reached", {}),
}
"""By code: the detail and the members of its own; others show their title."""
AUDIT: Final = Page(
    items=[
        AuditEntry(
            audit_id=4711,
            at="2024-01-15T18:20:44.120331Z",
            user="gestora",
            role="GESTOR",
            device_id=None,
            action="read_entity",
            outcome="allowed",
            target_type="atividade",
            target_id="1",
            municipios=["5103403"],
            address="203.0.113.7",
            request_id="0192f3a1c0de7abc8def0123456789ab",
            status=200,
            code=None,
        )
    ],
    next_cursor=_CURSOR,
    has_more=True,
)
