"""Heads come out of the log as they were kept, however the log is cut into pages; each one that does not is named."""

import asyncpg
import pytest

from eventstore import PostgresEventStore
from projections import HEADS, heads, verify
from projections.heads import rebuild_heads
from projections.streams import Rebuilt
from techdengue.domain.operation import Strategy
from techdengue.resolver import decode_state
from techdengue.resolver.codec import encode_leaves

from .history import CUIABA, Writer, write_random_history


@pytest.mark.parametrize("page", [1, 7, 1000])
async def test_heads_are_rebuilt_whatever_the_pages(
    writer: Writer, projector: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(heads, "_PAGE", page)
    await write_random_history(writer, events=80, seed=5)
    store = PostgresEventStore(projector)
    rebuilt: list[Rebuilt] = []

    async def take(ended: object, events: int) -> None:
        assert isinstance(ended, list)
        assert events <= page
        rebuilt.extend(ended)

    await rebuild_heads(store, take)
    assert [each.head for each in rebuilt] == await store.page_heads(None, 1000)


async def test_a_merge_on_a_base_that_is_long_past_is_verified(writer: Writer, projector: asyncpg.Connection) -> None:
    await writer.create(1)
    for number in range(40):
        await writer.update(1, {"descricao": f"{number}"})
    for number in range(3):
        await writer.update(
            1, {"metadata": {"n": number}}, strategy=Strategy.MERGE, base_version=2 + number, device="other"
        )
    assert (await verify(projector, HEADS)).clean


async def test_each_head_that_is_not_the_logs_is_named_in_order(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    for number in range(1, 6):
        await writer.create(number)
    await owner.execute("DELETE FROM eventstore.stream WHERE stream = 'atividade/2'")
    await owner.execute("UPDATE eventstore.stream SET document = '{}' WHERE stream = 'atividade/4'")
    for ghost in ("atividade/1a", "z/9"):
        await owner.execute(
            "INSERT INTO eventstore.stream SELECT tenant, $1, sequence, version, position, updated_at, recorded_at, "
            "state, document FROM eventstore.stream WHERE stream = 'atividade/1'",
            ghost,
        )
    verification = await verify(projector, HEADS)
    assert [(each.key, each.reason) for each in verification.differences] == [
        (f"{CUIABA} atividade/1a", "is not in the log"),
        (f"{CUIABA} atividade/2", "is missing"),
        (f"{CUIABA} atividade/4", "differs from the log in document"),
        (f"{CUIABA} z/9", "is not in the log"),
    ]
    assert (verification.rows, verification.differing) == (6, 4)


async def test_a_state_in_the_format_of_an_earlier_server_verifies(
    writer: Writer, projector: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await writer.create(1)
    [stored] = await PostgresEventStore(owner).page_heads(None, 1)
    as_leaves = encode_leaves(decode_state(stored.state))
    assert as_leaves != stored.state
    await owner.execute("UPDATE eventstore.stream SET state = $1", as_leaves)
    assert (await verify(projector, HEADS)).clean
    await owner.execute("UPDATE eventstore.stream SET state = $1, document = '{}'", as_leaves)
    [difference] = (await verify(projector, HEADS)).differences
    assert difference.reason == "differs from the log in document"
