"""Streams of thousands of events: read page by page, and never at the cost of everybody else's turn."""

import asyncio

import asyncpg
import pytest

from eventstore import PostgresEventStore, RecordedEvent
from projections import folding, queries
from projections.replay import Step, StreamFold
from techdengue.domain.operation import Strategy

from .history import CUIABA, Writer

EVENTS = 3000


async def test_a_long_history_is_paged_whole_and_leaves_others_their_turn(
    writer: Writer, reader: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.create(1)
    for number in range(EVENTS):
        await writer.update(1, {"descricao": f"{number}"})
    folded = most = 0
    done = asyncio.Event()
    apply = StreamFold.apply

    def counted(fold: StreamFold, event: RecordedEvent) -> Step:
        nonlocal folded
        folded += 1
        return apply(fold, event)

    async def others() -> None:
        nonlocal folded, most
        while not done.is_set():
            most, folded = max(most, folded), 0
            await asyncio.sleep(0)

    monkeypatch.setattr(StreamFold, "apply", counted)
    watching = asyncio.create_task(others())
    seen, cursor = [], None
    async with queries.territory(reader, frozenset({CUIABA})) as caller:
        while True:
            page = await queries.history(caller, "atividade", 1, cursor=cursor, limit=1000)
            assert page is not None
            seen += [(event.sequence, len(event.diff)) for event in page.items]
            if (cursor := page.next_cursor) is None:
                break
        as_of = await queries.entity_as_of(caller, "atividade", 1, provenance=True)
    done.set()
    await watching
    assert [sequence for sequence, _ in seen] == list(range(1, EVENTS + 2))
    assert all(changes == 1 for _, changes in seen[1:])
    assert as_of is not None
    assert as_of.data is not None
    assert as_of.data["descricao"] == str(EVENTS - 1)
    assert 0 < most <= folding._PAGE < EVENTS


async def test_a_stream_comes_in_pages_and_its_merges_reach_back_over_them(
    writer: Writer, projector: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "_PAGE", 10)
    await writer.create(1)
    for number in range(40):
        await writer.update(1, {"descricao": f"{number}"})
    for number in range(3):
        data = {"metadata": {"n": number}}
        await writer.update(1, data, device="other", strategy=Strategy.MERGE, base_version=2 + number)
    store = PostgresEventStore(projector)
    pages = [steps async for steps in folding.stream_steps(store, CUIABA, "atividade/1")]
    assert max(len(steps) for steps in pages) == 10
    steps = [step for steps in pages for step in steps]
    assert [step.after for step in steps] == writer.states(1)[1:]
