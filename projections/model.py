"""What readers are answered: the structs of the wire (protocol.md), encoded as they are.

Times are RFC 3339 strings (UTC, microseconds). A `msgspec.Raw` holds JSON bytes that were never parsed.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from techdengue.domain.operation import EntityId

Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """One page of a list. `next_cursor` is None at the end, but for `changes`, which is followed for ever."""

    items: list[Item]
    next_cursor: str | None
    has_more: bool


class Document(msgspec.Struct, frozen=True, kw_only=True, gc=False):  # it holds no containers
    """An entity in its newest state. `data` is None when it is deleted; `updated_at` is an effective time.

    `entity_id` is an integer where its text is a canonical one (`123`, not `0123`), else a string: `123` and
    `"123"` name the same entity.
    """

    entity_type: str
    entity_id: EntityId
    municipio_cod_ibge: str
    version: int
    deleted: bool
    data: msgspec.Raw | None
    updated_at: str


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who set a leaf: the stamp that won, and the event that brought it."""

    device_id: str
    user_id: str
    effective_time: str
    sequence: int
    position: int
    idempotency_key: str


class EntityAsOf(msgspec.Struct, frozen=True, kw_only=True):
    """A document as a cut of the log leaves it: `sequence` and `position` are those of the last event in the cut.

    `provenance` maps the JSON Pointer of each visible leaf to who set it; of a deleted entity it holds just the
    root `""`, with who deleted it.
    """

    entity_type: str
    entity_id: EntityId
    municipio_cod_ibge: str
    version: int
    deleted: bool
    data: dict[str, Any] | None
    updated_at: str
    sequence: int
    position: int
    provenance: dict[str, Origin] | UnsetType = UNSET


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event, wherever it is shown (protocol.md). What does not apply to its kind is None."""

    position: int
    lane: int
    sequence: int
    version: int
    municipio_cod_ibge: str
    entity_type: str
    entity_id: EntityId
    kind: str
    """`operation` or `resolution`."""
    operation: str | None
    data: dict[str, Any] | None
    strategy: str | None
    base_version: int | None
    conflict_type: str | None
    outcome: str
    rule_set: int
    resolves: int | None
    choice: str | None
    device_id: str
    user_id: str
    batch_id: str | None
    idempotency_key: str
    client_timestamp: str
    effective_time: str
    received_at: str


class LeafChange(msgspec.Struct, frozen=True):
    """A leaf that an event changed; None is no leaf (a document holds no null but inside arrays)."""

    path: str
    before: Any
    after: Any


class HistoryEvent(Event, frozen=True, kw_only=True):
    """An event of one entity, with the leaves of the document that it changed."""

    diff: list[LeafChange]


class LeafConflict(msgspec.Struct, frozen=True, kw_only=True):
    """A leaf that a parked operation assigns: at its base, as it wants it, as the server has it; None is no leaf."""

    path: str
    base: Any
    client: Any
    server: Any
    differs: bool
    """Whether the client's value is another than the server's."""


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """A parked operation and its document on the server now; `status` is `open` or `resolved`."""

    conflict_id: str
    status: str
    entity_type: str
    entity_id: EntityId
    municipio_cod_ibge: str
    sequence: int
    position: int
    operation: str
    conflict_type: str
    strategy: str
    device_id: str
    user_id: str
    idempotency_key: str
    base_version: int | None
    client_version: str
    server_version: str
    opened_at: str
    client_data: dict[str, Any] | None
    server_data: msgspec.Raw | None
    suggested_resolution: str | None
    choice: str | None
    resolved_sequence: int | None
    resolved_by: str | None
    resolved_at: str | None
    note: str | None


class ConflictDetail(Conflict, frozen=True, kw_only=True):
    """A conflict with the base that the device had seen (None: unknown), and leaf by leaf."""

    base_data: dict[str, Any] | None
    leaves: list[LeafConflict]


class DeviceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a device's user asks first: is my work there? Counts are of the log, without delay.

    `operations` is the sum of `operations_by_outcome`. `behind`: other devices have changed something in the
    caller's territory since this one last synced.
    """

    device_id: str
    registered: bool
    user_id: str | None
    last_sync_at: str | None
    last_effective_time: str | None
    operations: int
    operations_by_outcome: dict[str, int]
    open_conflicts: int
    errors_last_day: int
    clock_offset_ms: int | None
    behind: bool


class PushState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether messages reach a device. `reason` says why not (docs/push.md); the target itself is never shown."""

    kind: str
    active: bool
    deactivated_at: str | None
    reason: str | None


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A registered device; `push` is None where it has registered no target for messages."""

    device_id: str
    user_id: str
    platform: str | None
    model: str | None
    app_version: str | None
    has_push_token: bool
    """Whether it has a target that is active."""
    push: PushState | None
    registered_at: str
    updated_at: str


class PushTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Where FCM finds the app: a registration token, or the Firebase installation id that takes its place."""

    kind: Literal["token", "fid"]
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=4096, pattern=r"^[\x21-\x7e]+(?!\n)$")]
    """In Python's expressions `$` is also before a last line break; `\\Z` is none of OpenAPI's."""


class DeviceRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """What `PUT /api/devices/{device_id}` sets; a field that is not sent stays as it is."""

    push: PushTarget | UnsetType | None = UNSET
    fcm_token: str | UnsetType | None = UNSET
    """Of apps that know no `push`: the same as `push` of kind `token`. One of the two."""
    platform: str | UnsetType | None = UNSET
    model: str | UnsetType | None = UNSET
    app_version: str | UnsetType | None = UNSET


class ProjectionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far a projection has followed the log. `lag_seconds` is the age of the oldest event not yet applied."""

    name: str
    position: int
    tail: int
    lag_events: int
    lag_seconds: float


class Difference(msgspec.Struct, frozen=True):
    """A row that is not what the log says: `found` or `expected` is None where there is no such row."""

    table: str
    key: str
    reason: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification compared: `clean` when nothing differs; at most 100 differences are kept."""

    name: str
    position: int
    rows: int
    differing: int
    differences: list[Difference]

    @property
    def clean(self) -> bool:
        """Whether every row is what the log says."""
        return self.differing == 0
