"""Pull: a cold sync of 50,000 entities over HTTP, against a SELECT of the same rows encoded with msgspec."""

import datetime as dt
import time
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from . import workload
from .fetching import Fetching, PageEnd
from .measure import Named, Options, Row, Target, tell
from .population import populate
from .stage import Server, Stage
from .statements import SQL

_ENTITIES = 50_000
_EVENTS = 75_900
"""So many make so many entities."""
_LIMIT = 1_000
_OF_THE_SELECT = 0.5
_END = msgspec.json.Decoder(PageEnd)


class _Document(msgspec.Struct):
    entity_type: str
    entity_id: str
    municipio_cod_ibge: str
    version: int
    deleted: bool
    data: msgspec.Raw | None
    updated_at: dt.datetime


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    database = await populate(stage, _EVENTS, tenants=1)
    bare: list[float] = []
    plain: list[float] = []
    packed: list[float] = []
    async with stage.serving(database) as server, stage.pool(database, "techdengue_projector", 1) as pool:
        await _cold_sync(server, packed=False)
        for number in range(options.rounds):
            tell(f"pull: round {number + 1} of {options.rounds}")
            async with pool.acquire() as connection:
                bare.append(await _select(connection))
                plain.append(await _cold_sync(server, packed=False))
                packed.append(await _cold_sync(server, packed=True))
    await stage.drop(database)
    return [
        _row("SELECT, encoded", bare),
        _row("cold sync", plain, bare),
        _row("cold sync, gzip", packed, bare),
    ]


def _row(contestant: str, values: list[float], references: Sequence[float] = ()) -> Row:
    return Row(
        measure="pull",
        contestant=contestant,
        unit="documents/s",
        values=tuple(values),
        references=tuple(references),
        target=Target(limit=_OF_THE_SELECT) if references else None,
    )


async def _select(connection: asyncpg.Connection) -> float:
    started = time.perf_counter()
    rows = await connection.fetch(SQL["select_documents"])
    msgspec.json.encode([_document(row) for row in rows])
    return len(rows) / (time.perf_counter() - started)


def _document(row: Any) -> _Document:
    entity_type, _, entity_id = row["stream"].partition("/")
    shown = row["document"]
    return _Document(
        entity_type,
        entity_id,
        row["tenant"],
        row["version"],
        shown is None,
        None if shown is None else msgspec.Raw(shown),
        row["updated_at"],
    )


async def _cold_sync(server: Server, *, packed: bool) -> float:
    client = Fetching(server.url, server.token(workload.MUNICIPIO), packed=packed)
    started, count, path = time.perf_counter(), 0, f"/api/sync/changes?limit={_LIMIT}"
    end = PageEnd(has_more=True)
    while end.has_more:
        body = await client.get(path if end.next_cursor is None else f"{path}&cursor={end.next_cursor}")
        end = _END.decode(b"{" + body[body.rindex(b'"next_cursor":') :])  # the client shall cost little
        count += body.count(b'"municipio_cod_ibge":"5103403","version"')
    seconds = time.perf_counter() - started
    client.close()
    if abs(count - _ENTITIES) > _ENTITIES // 50:
        raise RuntimeError(f"a cold sync brought {count} entities, not about {_ENTITIES}")
    return count / seconds


PULL = Named("pull", lambda options: 12 + options.rounds * 4, _measure)
