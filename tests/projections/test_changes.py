"""What devices pull: everything, each entity once, whatever commits late."""

import asyncpg
import msgspec
import pytest

from projections import CursorFromElsewhere
from projections.model import Document, Page
from projections.queries import ConflictsWanted, EventsWanted, changes, conflicts, events, history, territory
from techdengue.domain.operation import Strategy
from techdengue.resolver import document

from .conftest import Connect
from .history import CUIABA, SINOP, Writer, write_random_history

ALL = frozenset({"*"})
HERE = frozenset({CUIABA})


async def _pull(
    reader: asyncpg.Connection, cursor: str | None, limit: int, municipios: frozenset[str] = ALL
) -> Page[Document]:
    async with territory(reader, municipios) as here:
        return await changes(here, cursor=cursor, limit=limit)


@pytest.mark.parametrize("municipios", [ALL, frozenset({CUIABA, SINOP})])
async def test_a_device_that_pulls_while_others_write_ends_with_the_servers_documents(
    writer: Writer, reader: asyncpg.Connection, municipios: frozenset[str]
) -> None:
    await write_random_history(writer, events=60, seed=9)
    held: dict[tuple[str, str, object], tuple[int, object]] = {}
    cursor, step = None, 60
    while True:
        page = await _pull(reader, cursor, 3, municipios)
        keys = [(i.municipio_cod_ibge, i.entity_type, i.entity_id) for i in page.items]
        assert len(keys) == len(set(keys))
        for key, item in zip(keys, page.items, strict=True):
            assert item.version >= held.get(key, (0, None))[0]
            held[key] = (item.version, None if item.data is None else msgspec.json.decode(item.data))
        cursor = page.next_cursor
        if step < 200:
            step += 4
            await write_random_history(writer, events=step, seed=step)
        elif not page.has_more:
            break
    newest = {(w.tenant, w.stream): w.state for w in writer.written if municipios == ALL or w.tenant in municipios}
    assert {(t, f"{e}/{i}"): v for (t, e, i), v in held.items()} == {
        place: (state.version, document(state)) for place, state in newest.items()
    }
    again = await _pull(reader, cursor, 3, municipios)
    assert (again.items, again.has_more, again.next_cursor) == ([], False, cursor)


async def test_an_entity_that_changed_often_comes_once(writer: Writer, reader: asyncpg.Connection) -> None:
    await writer.create(1)
    first = await _pull(reader, None, 100)
    await writer.create(2)
    for number in range(10):
        await writer.update(1, {"descricao": str(number)})
    await writer.update(1, {"descricao": "kept"}, device="device-b", strategy=Strategy.SERVER_WINS, base_version=1)
    seen: list[object] = []
    cursor = first.next_cursor
    while True:
        page = await _pull(reader, cursor, 2)
        seen += [item.entity_id for item in page.items]
        cursor = page.next_cursor
        if not page.has_more:
            break
    assert seen == [2, 1]


async def test_changes_never_skip_a_change_that_commits_late(
    writer: Writer, reader: asyncpg.Connection, connect: Connect
) -> None:
    await writer.create(1)
    cursor = (await _pull(reader, None, 100)).next_cursor
    late = Writer(await connect("techdengue_intake"))
    transaction = late.connection.transaction()
    await transaction.start()
    await late.create(2, device="device-late")
    page = await _pull(reader, cursor, 100)
    assert page.items == []
    await transaction.commit()
    await writer.create(3)
    page = await _pull(reader, page.next_cursor, 100)
    assert [item.entity_id for item in page.items] == [2, 3]


async def test_changes_of_one_type(writer: Writer, reader: asyncpg.Connection) -> None:
    async def pull(cursor: str | None) -> Page[Document]:
        async with territory(reader, ALL) as everywhere:
            return await changes(everywhere, cursor=cursor, entity_type="evidencia", limit=1)

    await writer.create(1)
    await writer.create("e", entity_type="evidencia")
    first = await pull((await pull(None)).next_cursor)
    assert (first.items, first.has_more) == ([], False)
    for number in range(2, 6):
        await writer.create(number)
    await writer.create("f", entity_type="evidencia")
    cursor = first.next_cursor
    seen: list[object] = []
    while True:
        page = await pull(cursor)
        seen += [item.entity_id for item in page.items]
        cursor = page.next_cursor
        if not page.has_more:
            break
    assert seen == ["f"]


async def test_a_cursor_from_elsewhere_is_refused(
    writer: Writer, reader: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await write_random_history(writer, events=30, seed=1)
    async with territory(reader, ALL) as everywhere:
        pulled = (await changes(everywhere, limit=3)).next_cursor
        listed = (await events(everywhere, EventsWanted(), limit=3)).next_cursor
    assert pulled is not None
    async with territory(reader, ALL) as everywhere:
        for cursor in ("", "?", "AAAA", "não", "a" * 5000, pulled[:-4], str(listed)):
            with pytest.raises(CursorFromElsewhere):
                await changes(everywhere, cursor=cursor)
        with pytest.raises(CursorFromElsewhere):
            await changes(everywhere, cursor=pulled, entity_type="atividade")
        with pytest.raises(CursorFromElsewhere):
            await events(everywhere, EventsWanted(device_id="device-1"), cursor=listed)
        with pytest.raises(CursorFromElsewhere):
            await conflicts(everywhere, ConflictsWanted(), cursor=pulled)
        with pytest.raises(CursorFromElsewhere):
            await history(everywhere, "atividade", 0, cursor=listed)
    async with territory(reader, HERE) as here:
        with pytest.raises(CursorFromElsewhere):
            await changes(here, cursor=pulled)
    await owner.execute("UPDATE projections.log SET id = gen_random_uuid()")
    async with territory(reader, ALL) as everywhere:
        with pytest.raises(CursorFromElsewhere):
            await changes(everywhere, cursor=pulled)
