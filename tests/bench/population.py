"""Databases with a long log, made in a minute: one block is served for real, the others are copies under other names.

A block is what two devices of one connection do in some batches, and one operation more that is parked. Everything that
names it has the same eight letters in it, so a copy is a replacement of letters: events, heads and the bytes of their
states are what the intake would have written, and `verify` finds no difference. The projections' tables but
`device_status` and `conflict` stay empty.
"""

import datetime as dt
from typing import Any

import asyncpg
import msgspec

from techdengue.dev.database import Database
from techdengue.domain.municipios import MUNICIPIOS

from . import workload
from .load import Load, check_answer
from .measure import tell
from .stage import Stage
from .statements import SQL

NAME = "b10cb10c"
_BATCHES = 26
_AT_ONCE = 200
"""Blocks of one statement."""
_BYTES = 3_000
"""On disk for an event: log, heads, indexes, and the write-ahead log meanwhile."""
_TOOK_PART = 20
"""Municípios of a log."""


def municipios(count: int = _TOOK_PART) -> list[str]:
    """Those that have part in a log; the workload's is the first."""
    return [workload.MUNICIPIO, *[code for code in MUNICIPIOS if code != workload.MUNICIPIO][: count - 1]]


def block_operations(batch: int) -> list[dict[str, Any]]:
    """The operations of a batch of the block; one more after the last one."""
    if batch == _BATCHES:
        stale = workload.operations(NAME, _BATCHES - 1)[-1]
        parked = {**stale, "idempotency_key": f"m-{NAME}", "conflict_resolution_strategy": "manual"}
        return [_renamed(parked)]
    return [_renamed(operation) for operation in workload.operations(NAME, batch)]


def _renamed(operation: dict[str, Any]) -> dict[str, Any]:
    return {**operation, "entity_id": NAME + operation["entity_id"][len(NAME) :]}


async def populate(
    stage: Stage, events: int, *, tenants: int = _TOOK_PART, span: dt.timedelta = dt.timedelta(days=20)
) -> Database:
    """A database with about so many events, received over `span` and up to now, vacuumed and analysed.

    With a span of zero the states hold the very times of their events, and the heads verify.
    """
    stage.check_space(events * _BYTES)
    database = await stage.database()
    if events:
        await _serve_block(stage, database)
        async with stage.owner(database) as owner:
            await _grow(owner, events, tenants, span)
    await stage.settle(database)
    return database


async def _serve_block(stage: Stage, database: Database) -> None:
    async with stage.serving(database) as server:
        load = Load(server.url, server.token(workload.MUNICIPIO))
        talk = await load.connect()
        for batch in range(_BATCHES + 1):
            body = msgspec.json.encode({"operations": block_operations(batch)})
            answer = await talk.ask(load.request(workload.device_of(NAME, batch), body))
            check_answer(answer)
        talk.close()


async def _grow(owner: asyncpg.Connection, events: int, tenants: int, span: dt.timedelta) -> None:
    await owner.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET work_mem = '256MB'")
    await owner.execute(SQL["take_block"])
    blocks = max(1, round(events / await owner.fetchval("SELECT count(*) FROM block_event")))
    await owner.execute(SQL["name_blocks"], 0, blocks - 1, municipios(tenants), span / blocks)
    indexes = await owner.fetch(SQL["take_away_indexes"])
    for index in indexes:
        await owner.execute(index["away"])
    for first in range(0, blocks, _AT_ONCE):
        last = min(blocks, first + _AT_ONCE) - 1
        await owner.execute(SQL["grow_events"], first, last, blocks - 1)
        await owner.execute(SQL["grow_heads"], first, last, blocks - 1)
        if (last + 1) % (_AT_ONCE * 20) == 0:
            tell(f"population: {(last + 1) / blocks:.0%} of {events:,} events")
    for index in indexes:
        await owner.execute(index["again"])
    await owner.execute(SQL["grow_rest"])
