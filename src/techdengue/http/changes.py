"""`GET /api/sync/changes`: a page at once, with `wait` as soon as there is something in it, or a stream of them."""

from typing import Annotated, Final

import msgspec
from litestar.response.base import ASGIResponse

from projections.model import Document, Page
from techdengue.audit import Action
from techdengue.domain.registry import ENTITY_TYPES

from . import media
from .auditing import Audited
from .call import Call
from .event_stream import EventStream
from .faults import no_such_type
from .follower import Follower
from .presence import ClientLeft, NoAnswer, while_present
from .problems import Problem

LONGEST_WAIT: Final = 60
_FOLLOWED: Final = Audited(Action.FOLLOW_CHANGES, "territory")


class ChangesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `GET /api/sync/changes`; `wait` is seconds."""

    cursor: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 500
    entity_type: str | None = None
    wait: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_WAIT)] = 0


async def read_changes(call: Call) -> ASGIResponse:
    """`GET /api/sync/changes`."""
    wanted = call.query(ChangesQuery)
    if wanted.entity_type is not None and wanted.entity_type not in ENTITY_TYPES:
        raise Problem("invalid_parameter", no_such_type(wanted.entity_type), path="/entity_type")
    if call.accept == media.EVENT_STREAM:
        return await _stream_changes(call, wanted)
    if wanted.wait and wanted.cursor is not None:
        return await _wait_for_changes(call, wanted)
    page = await call.services.readers.changes(
        call.caller, cursor=wanted.cursor, limit=wanted.limit, entity_type=wanted.entity_type
    )
    return await _answer(call, page)


async def _answer(call: Call, page: Page[Document]) -> ASGIResponse:
    if not page.items:
        call.shows_nothing()
    return await call.answer(page)


async def _wait_for_changes(call: Call, wanted: ChangesQuery) -> ASGIResponse:
    call.takes_its_time()
    follower = _follower(call, wanted, wanted.cursor)
    with call.services.places.taken():
        try:
            page = await while_present(call.receive, follower.read(wanted.wait))
        except ClientLeft:
            return NoAnswer()
    return await _answer(call, page)


async def _stream_changes(call: Call, wanted: ChangesQuery) -> ASGIResponse:
    call.takes_its_time()
    follower = _follower(call, wanted, call.header(b"last-event-id") or wanted.cursor)
    places = call.services.places
    places.take()
    try:
        first = await follower.read(0)
        await call.tell(_FOLLOWED)
        return EventStream(call, follower, first)
    except BaseException:
        places.give_back()
        raise


def _follower(call: Call, wanted: ChangesQuery, cursor: str | None) -> Follower:
    return Follower(call.services.feed, call.caller, cursor=cursor, limit=wanted.limit, entity_type=wanted.entity_type)
