"""The calls of people and analysts: entities, their history, the log, and the manual queue."""

import datetime as dt
import uuid
from typing import Annotated, Literal
from urllib.parse import urlencode

import msgspec
from litestar.response.base import ASGIResponse

from projections.model import Document, EntityAsOf
from projections.queries import NOW, ConflictsWanted, Cut, EventsWanted
from techdengue.domain.access import Role
from techdengue.domain.operation import Choice, Outcome
from techdengue.domain.registry import ENTITY_TYPES
from techdengue.intake.model import Resolution

from . import media
from .call import Call
from .faults import no_such_type
from .problems import Problem
from .roles import LEAST_ROLE, require

_LARGEST_POSITION = 2**63 - 1
_LONGEST_ENTITY_ID = 64
_LONGEST_KEY = 255
_LONGEST_NOTE = 2000

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]
EntityIdText = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Municipio = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{7}$", max_length=7)]
"""The length, here and in other patterns, for `$` is also before a last line break."""


class EntityQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `GET /api/entities/{type}/{id}`; `as_of` is a position or a time."""

    as_of: str | None = None
    provenance: bool = False
    municipio_cod_ibge: Municipio | None = None


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `GET /api/entities/{type}/{id}/history`."""

    cursor: str | None = None
    limit: Limit = 100
    municipio_cod_ibge: Municipio | None = None


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `GET /api/events`."""

    type: str | None = None
    id: EntityIdText | None = None
    device: str | None = None
    user: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    outcome: Outcome | None = None
    municipio: Municipio | None = None
    cursor: str | None = None
    limit: Limit = 100


class ConflictsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `GET /api/conflicts`."""

    status: Literal["open", "resolved", "any"] = "open"
    type: str | None = None
    id: EntityIdText | None = None
    device: str | None = None
    municipio: Municipio | None = None
    cursor: str | None = None
    limit: Limit = 100


async def read_entity(call: Call) -> ASGIResponse:
    """`GET /api/entities/{type}/{id}`."""
    wanted = call.query(EntityQuery)
    entity_type, entity_id = _entity(call)
    readers = call.services.readers
    found: Document | EntityAsOf | None
    if wanted.as_of is None and not wanted.provenance:
        found = await readers.entity(call.caller, entity_type, entity_id, wanted.municipio_cod_ibge)
    else:
        require(call.caller, LEAST_ROLE["entity_as_of"] or Role.ADMIN)
        found = await readers.entity_as_of(
            call.caller,
            entity_type,
            entity_id,
            wanted.municipio_cod_ibge,
            cut=_as_of(wanted.as_of),
            provenance=wanted.provenance,
        )
    if found is None:
        raise _no_entity(entity_type)
    call.concerns(found.municipio_cod_ibge)
    return await call.answer(found)


async def read_history(call: Call) -> ASGIResponse:
    """`GET /api/entities/{type}/{id}/history`."""
    wanted = call.query(HistoryQuery)
    entity_type, entity_id = _entity(call)
    page = await call.services.readers.history(
        call.caller,
        entity_type,
        entity_id,
        wanted.municipio_cod_ibge,
        cursor=wanted.cursor,
        limit=wanted.limit,
    )
    if page is None:
        raise _no_entity(entity_type)
    if page.items:
        call.concerns(page.items[0].municipio_cod_ibge)
    return await call.answer(page)


async def read_events(call: Call) -> ASGIResponse:
    """`GET /api/events`; as NDJSON the page's cursor is in the headers."""
    wanted = call.query(EventsQuery)
    _check_filters(call, wanted)
    query = EventsWanted(
        entity_type=wanted.type,
        entity_id=wanted.id,
        device_id=wanted.device,
        user_id=wanted.user,
        outcome=None if wanted.outcome is None else wanted.outcome.value,
        municipio=wanted.municipio,
        since=in_utc(wanted.since, "/since"),
        until=in_utc(wanted.until, "/until"),
    )
    page = await call.services.readers.events(call.caller, query, cursor=wanted.cursor, limit=wanted.limit)
    if call.accept != media.NDJSON:
        return await call.answer(page)
    headers = {"x-has-more": "true" if page.has_more else "false"}
    if page.next_cursor is not None:
        again = {**_sent(wanted), "cursor": page.next_cursor}
        headers["x-next-cursor"] = page.next_cursor
        headers["link"] = f'</api/events?{urlencode(again)}>; rel="next"'
    return await call.send(media.encode_lines(page.items), media.NDJSON, headers=headers)


async def read_conflicts(call: Call) -> ASGIResponse:
    """`GET /api/conflicts`."""
    wanted = call.query(ConflictsQuery)
    _check_filters(call, wanted)
    page = await call.services.readers.conflicts(
        call.caller,
        ConflictsWanted(
            status=None if wanted.status == "any" else wanted.status,
            municipio=wanted.municipio,
            entity_type=wanted.type,
            entity_id=wanted.id,
            device_id=wanted.device,
        ),
        cursor=wanted.cursor,
        limit=wanted.limit,
    )
    return await call.answer(page)


async def read_conflict(call: Call) -> ASGIResponse:
    """`GET /api/conflicts/{id}`."""
    conflict = await call.services.readers.conflict(call.caller, _conflict_id(call))
    if conflict is None:
        raise Problem("conflict_not_found", "No such conflict in the token's municípios")
    call.concerns(conflict.municipio_cod_ibge)
    return await call.answer(conflict)


async def resolve_conflict(call: Call) -> ASGIResponse:
    """`POST /api/conflicts/{id}/resolution`."""
    conflict_id = _conflict_id(call)
    resolution = await call.read_as(Resolution, "a resolution", most=None)
    _check_resolution(resolution)
    resolved = await call.services.intake.resolve_conflict(call.caller, str(conflict_id), resolution)
    return await call.answer(resolved)


def _check_resolution(resolution: Resolution) -> None:
    key, note = resolution.idempotency_key, resolution.note
    if not 1 <= len(key) <= _LONGEST_KEY or "\x00" in key:
        raise Problem("invalid_body", "A key has 1 to 255 characters, none of them NUL", path="/idempotency_key")
    if isinstance(note, str) and (len(note) > _LONGEST_NOTE or "\x00" in note):
        raise Problem("invalid_body", "A note has up to 2,000 characters, none of them NUL", path="/note")
    has_data = isinstance(resolution.data, dict)
    if resolution.choice is Choice.CUSTOM and not has_data:
        raise Problem("invalid_body", "custom needs data, an object with the fields that it sets", path="/data")
    if resolution.choice is not Choice.CUSTOM and has_data:
        why = f"{resolution.choice.value} takes no data; leave it out, or choose custom"
        raise Problem("invalid_body", why, path="/data")


def _entity(call: Call) -> tuple[str, str]:
    entity_type, entity_id = call.path("type"), call.path("id")
    if entity_type not in ENTITY_TYPES:
        raise Problem("entity_not_found", no_such_type(entity_type))
    if len(entity_id) > _LONGEST_ENTITY_ID:
        raise _no_entity(entity_type)
    return entity_type, entity_id


def _check_filters(call: Call, wanted: EventsQuery | ConflictsQuery) -> None:
    if wanted.type is None and wanted.id is not None:
        raise Problem("invalid_parameter", "An id needs its type", path="/type")
    if wanted.type is not None and wanted.type not in ENTITY_TYPES:
        raise Problem("invalid_parameter", no_such_type(wanted.type), path="/type")
    if wanted.municipio is not None and not call.caller.may_touch(wanted.municipio):
        why = f"your token does not name município {wanted.municipio}"
        raise Problem("invalid_parameter", why, path="/municipio")
    if wanted.municipio is not None:
        call.concerns(wanted.municipio)


def _conflict_id(call: Call) -> uuid.UUID:
    text = call.path("id")
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Problem("conflict_not_found", "A conflict's id is a UUID") from error


def _as_of(text: str | None) -> Cut:
    if text is None:
        return NOW
    if text.isascii() and text.isdigit():
        position = int(text) if len(text) <= len(str(_LARGEST_POSITION)) else _LARGEST_POSITION + 1
        if position > _LARGEST_POSITION:
            raise Problem("invalid_parameter", "No log is that long", path="/as_of")
        return Cut(position=position)
    try:
        moment = msgspec.convert(text, Moment)
    except msgspec.ValidationError as error:
        why = "Give a position, or a time with its offset (RFC 3339; a + in a query is %2B)"
        raise Problem("invalid_parameter", why, path="/as_of") from error
    return Cut(time=in_utc(moment, "/as_of"))


def in_utc(moment: dt.datetime | None, path: str) -> dt.datetime | None:
    """The moment in UTC. Raises Problem 400 where that is outside the years 1 to 9999."""
    try:
        return None if moment is None else moment.astimezone(dt.UTC)
    except OverflowError as error:
        raise Problem("invalid_parameter", "The time is outside the years 1 to 9999 in UTC", path=path) from error


def _no_entity(entity_type: str) -> Problem:
    return Problem("entity_not_found", f"No {entity_type[:64]} with this id in the token's municípios")


def _sent(wanted: EventsQuery) -> dict[str, str]:
    named = msgspec.to_builtins(wanted)
    return {name: str(value) for name, value in named.items() if value is not None}
