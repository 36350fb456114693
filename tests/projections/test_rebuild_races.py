"""A rebuild beside a projector that works: whatever meets, the rebuild ends and the tables are right."""

import sys
from typing import Any

import pytest

from eventstore import PostgresEventStore
from projections import catch_up, rebuild, verify

from .conftest import Connect
from .history import Writer


async def test_a_rebuild_outlives_a_projector_that_passes_over_events_while_it_swaps(
    writer: Writer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder, projector = await connect("techdengue_projector"), await connect("techdengue_projector")
    await writer.create(1)
    await catch_up(projector)
    await writer.create(2)
    rebuilding = sys.modules["projections.rebuild"]
    read_places, moves = rebuilding.read_places, [(1, 2)]

    async def read_then_move(connection: Any, names: list[str]) -> Any:
        """What the rebuild reads, and right after it the projector's step: an atividade leaves no evidencia row."""
        read = await read_places(connection, names)
        if len(names) == 2 and moves:
            await PostgresEventStore(projector).advance("evidencia", *moves.pop())
        return read

    monkeypatch.setattr(rebuilding, "read_places", read_then_move)
    assert await rebuild(builder, "evidencia") == 2
    assert not moves
    await catch_up(projector)
    assert (await verify(projector, "evidencia")).clean
