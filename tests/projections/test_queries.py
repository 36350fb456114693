"""What readers are answered: whole, in order, and never from a município that is not theirs."""

import uuid
from typing import Any

import asyncpg
import msgspec
import pytest

from projections import SeveralEntities, catch_up
from projections.naming import conflict_id, rfc3339
from projections.queries import (
    ConflictsWanted,
    Cut,
    EventsWanted,
    changes,
    conflict,
    conflicts,
    device_status,
    entity,
    entity_as_of,
    events,
    history,
    territory,
)
from techdengue.domain.operation import Choice, Strategy
from techdengue.resolver import document

from .history import CUIABA, SINOP, Writer, write_random_history

ALL = frozenset({"*"})
HERE = frozenset({CUIABA})


async def test_an_entity_answers_its_document(writer: Writer, reader: asyncpg.Connection) -> None:
    await writer.create(1, data={"tipo": "VISTORIA", "metadata": {"ç": [1, 1.0, True]}})
    last = await writer.update(1, {"status": "CONCLUIDA"})
    async with territory(reader, HERE) as here:
        found = await entity(here, "atividade", "1")
    assert found is not None
    assert (found.entity_type, found.entity_id, found.municipio_cod_ibge) == ("atividade", 1, CUIABA)
    assert (found.version, found.deleted, found.updated_at) == (2, False, rfc3339(last.event.occurred_at))
    assert found.data is not None
    assert msgspec.json.decode(found.data)["metadata"] == {"ç": [1, 1.0, True]}


async def test_a_deleted_entity_answers_no_data(writer: Writer, reader: asyncpg.Connection) -> None:
    await writer.create("x")
    await writer.delete("x")
    async with territory(reader, HERE) as here:
        found = await entity(here, "atividade", "x")
        shown = await entity_as_of(here, "atividade", "x", provenance=True)
    assert found is not None
    assert (found.deleted, found.data, found.entity_id) == (True, None, "x")
    assert shown is not None
    assert (shown.deleted, shown.data) == (True, None)
    assert msgspec.to_builtins(shown.provenance)[""]["sequence"] == 2


async def test_entities_of_one_id_in_two_municipios_want_one_named(writer: Writer, reader: asyncpg.Connection) -> None:
    await writer.create(1)
    await writer.create(1, tenant=SINOP)
    async with territory(reader, ALL) as everywhere:
        with pytest.raises(SeveralEntities) as caught:
            await entity(everywhere, "atividade", 1)
        assert caught.value.municipios == (CUIABA, SINOP)
        found = await entity(everywhere, "atividade", 1, municipio=SINOP)
    assert found is not None
    assert found.municipio_cod_ibge == SINOP
    async with territory(reader, HERE) as here:
        assert await entity(here, "atividade", 1) is not None
        assert await entity(here, "atividade", 1, municipio=SINOP) is None


@pytest.mark.parametrize("seed", range(3))
async def test_as_of_is_the_fold_cut_at_every_position(writer: Writer, reader: asyncpg.Connection, seed: int) -> None:
    await write_random_history(writer, events=60, seed=seed)
    newest: dict[tuple[str, str], Any] = {}
    async with territory(reader, ALL) as everywhere:
        for written in writer.written:
            newest[written.tenant, written.stream] = written
            for (tenant, stream), last in newest.items():
                entity_type, _, entity_id = stream.partition("/")
                for cut in (
                    Cut(position=written.position),
                    Cut(time=written.event.recorded_at),
                ):
                    shown = await entity_as_of(
                        everywhere, entity_type, entity_id, municipio=tenant, cut=cut, provenance=True
                    )
                    assert shown is not None
                    assert shown.data == document(last.state)
                    assert (shown.version, shown.sequence) == (last.state.version, last.state.sequence)
        first = writer.written[0]
        entity_type, _, entity_id = first.stream.partition("/")
        assert (
            await entity_as_of(
                everywhere, entity_type, entity_id, municipio=first.tenant, cut=Cut(position=first.position - 1)
            )
            is None
        )


async def test_provenance_names_who_set_each_visible_leaf(writer: Writer, reader: asyncpg.Connection) -> None:
    await writer.create(1, data={"tipo": "LIRAA", "metadata": {"a": 1, "b": 2}, "descricao": "x"})
    await writer.update(1, {"metadata": {"b": 3}, "descricao": None}, device="device-b")
    async with territory(reader, HERE) as here:
        shown = await entity_as_of(here, "atividade", 1, provenance=True)
        plain = await entity_as_of(here, "atividade", 1)
    assert shown is not None
    origins = msgspec.to_builtins(shown.provenance)
    assert {path: origin["device_id"] for path, origin in origins.items()} == {
        "/tipo": "device-a",
        "/metadata/a": "device-a",
        "/metadata/b": "device-b",
    }
    assert origins["/metadata/b"]["user_id"] == "user of device-b"
    assert origins["/metadata/b"]["position"] == 2
    assert plain is not None
    assert plain.provenance is msgspec.UNSET


async def test_history_tells_each_event_and_what_it_changed(writer: Writer, reader: asyncpg.Connection) -> None:
    await writer.create(1, data={"tipo": "LIRAA", "metadata": {"a": 1}})
    await writer.update(1, {"metadata": {"a": None}, "descricao": "x"}, device="device-b", strategy=Strategy.MERGE)
    await writer.update(1, {"descricao": "y"}, device="device-c", strategy=Strategy.SERVER_WINS, base_version=1)
    parked = await writer.update(1, {"tipo": "BLOQUEIO"}, strategy=Strategy.MANUAL, base_version=1)
    await writer.settle(parked, Choice.CUSTOM, data={"descricao": "z"}, note="n")
    await writer.delete(1, device="console:gestora")
    async with territory(reader, HERE) as here:
        page = await history(here, "atividade", 1)
        assert await history(here, "atividade", 2) is None
    assert page is not None
    shown = [
        (item.sequence, item.version, item.outcome, [(one.path, one.before, one.after) for one in item.diff])
        for item in page.items
    ]
    assert shown == [
        (1, 1, "applied", [("/metadata/a", None, 1), ("/tipo", None, "LIRAA")]),
        (2, 2, "applied", [("/descricao", None, "x"), ("/metadata", None, {}), ("/metadata/a", 1, None)]),
        (3, 2, "server_kept", []),
        (4, 2, "conflict", []),
        (5, 5, "resolved", [("/descricao", "x", "z")]),
        (6, 6, "applied", [("/descricao", "z", None), ("/metadata", {}, None), ("/tipo", "LIRAA", None)]),
    ]
    resolution = page.items[4]
    assert (resolution.kind, resolution.resolves, resolution.choice, resolution.operation, resolution.data) == (
        "resolution",
        4,
        "custom",
        None,
        {"descricao": "z"},
    )
    operation = page.items[3]
    assert (operation.kind, operation.operation, operation.strategy, operation.base_version) == (
        "operation",
        "update",
        "manual",
        1,
    )
    assert (operation.conflict_type, operation.device_id, operation.resolves) == ("update_update", "device-a", None)


async def test_history_and_events_are_paged_without_loss(writer: Writer, reader: asyncpg.Connection) -> None:
    await write_random_history(writer, events=80, seed=5)
    here = [written.stream for written in writer.written if written.tenant == CUIABA]
    busiest = max(here, key=here.count)
    entity_type, _, entity_id = busiest.partition("/")
    async with territory(reader, ALL) as everywhere:
        seen: list[int] = []
        cursor = None
        while True:
            page = await events(everywhere, EventsWanted(), cursor=cursor, limit=7)
            seen += [item.position for item in page.items]
            assert page.has_more == (page.next_cursor is not None)
            if page.next_cursor is None:
                break
            cursor = page.next_cursor
        assert seen == list(range(1, 81))
        sequences: list[int] = []
        cursor = None
        while True:
            one = await history(everywhere, entity_type, entity_id, municipio=CUIABA, cursor=cursor, limit=2)
            assert one is not None
            sequences += [item.sequence for item in one.items]
            if one.next_cursor is None:
                break
            cursor = one.next_cursor
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(sequences) == here.count(busiest)


async def test_events_are_filtered(writer: Writer, reader: asyncpg.Connection) -> None:
    await write_random_history(writer, events=80, seed=6)
    log = writer.written
    some = log[40]
    wanted = {
        EventsWanted(municipio=SINOP): [w for w in log if w.tenant == SINOP],
        EventsWanted(entity_type="evidencia"): [w for w in log if w.stream.startswith("evidencia/")],
        EventsWanted(device_id="device-1"): [w for w in log if w.event.writer == "device-1"],
        EventsWanted(user_id="user of device-2"): [w for w in log if w.event.writer == "device-2"],
        EventsWanted(outcome="conflict"): [w for w in log if w.outcome.value == "conflict"],
        EventsWanted(since=some.event.recorded_at): log[40:],
        EventsWanted(until=some.event.recorded_at): log[:40],
        EventsWanted(entity_type="atividade", entity_id=some.stream.partition("/")[2]): [
            w for w in log if w.stream == f"atividade/{some.stream.partition('/')[2]}"
        ],
    }
    async with territory(reader, ALL) as everywhere:
        for wish, expected in wanted.items():
            page = await events(everywhere, wish, limit=1000)
            assert [item.position for item in page.items] == [w.position for w in expected], wish


async def test_conflicts_are_listed_oldest_first_and_shown_leaf_by_leaf(
    writer: Writer, reader: asyncpg.Connection
) -> None:
    await writer.create(1, data={"tipo": "LIRAA", "descricao": "a", "metadata": {"x": 1}})
    await writer.update(1, {"descricao": "b"}, device="device-b")
    parked = [
        await writer.update(
            1, {"descricao": text, "metadata": {"x": 1}}, device="device-c", strategy=Strategy.MANUAL, base_version=1
        )
        for text in ("c", "d", "e")
    ]
    await writer.settle(parked[1], Choice.SERVER, note="nada")
    async with territory(reader, HERE) as here:
        first = await conflicts(here, ConflictsWanted(), limit=2)
        second = await conflicts(here, ConflictsWanted(), limit=2, cursor=first.next_cursor)
        still = await conflicts(here, ConflictsWanted(status="open"))
        identity = conflict_id(CUIABA, "device-c", parked[0].event.key)
        detail = await conflict(here, identity)
        assert await conflict(here, uuid.uuid4()) is None
    assert [item.sequence for item in [*first.items, *second.items]] == [3, 4, 5]
    assert (first.has_more, second.has_more, second.next_cursor) == (True, False, None)
    assert [item.sequence for item in still.items] == [3, 5]
    settled = first.items[1]
    assert (settled.status, settled.choice, settled.note, settled.resolved_sequence) == (
        "resolved",
        "server",
        "nada",
        6,
    )
    assert detail is not None
    assert detail.base_data == {"tipo": "LIRAA", "descricao": "a", "metadata": {"x": 1}}
    assert detail.client_data == {"descricao": "c", "metadata": {"x": 1}}
    assert detail.server_data is not None
    assert msgspec.json.decode(detail.server_data)["descricao"] == "b"
    assert [(leaf.path, leaf.base, leaf.client, leaf.server, leaf.differs) for leaf in detail.leaves] == [
        ("/descricao", "a", "c", "b", True),
        ("/metadata/x", 1, 1, 1, False),
    ]
    assert "descricao" in (detail.suggested_resolution or "")
    assert settled.suggested_resolution is None


async def test_device_status_counts_what_the_projection_has_not_seen_yet(
    writer: Writer, reader: asyncpg.Connection, projector: asyncpg.Connection
) -> None:
    await writer.create(1)
    await writer.create(2)
    await catch_up(projector)
    await writer.update(1, {"descricao": "b"}, device="device-b")
    last = await writer.update(1, {"descricao": "c"}, strategy=Strategy.MANUAL, base_version=1)
    async with territory(reader, HERE) as here:
        shown = await device_status(here, "device-a")
        other = await device_status(here, "device-b")
        assert await device_status(here, "device-z") is None
    assert shown is not None
    assert {name: count for name, count in shown.operations_by_outcome.items() if count} == {
        "applied": 2,
        "conflict": 1,
    }
    assert (shown.operations, shown.open_conflicts, shown.registered, shown.behind) == (3, 1, False, False)
    assert shown.last_sync_at == rfc3339(last.event.recorded_at)
    assert other is not None
    assert other.behind


async def test_row_level_security_hides_foreign_municipios_in_every_query(
    writer: Writer, reader: asyncpg.Connection, projector: asyncpg.Connection
) -> None:
    await write_random_history(writer, events=150, seed=8)
    await catch_up(projector)
    foreign = [w for w in writer.written if w.tenant != CUIABA]
    async with territory(reader, HERE) as here:
        assert {item.municipio_cod_ibge for item in (await changes(here, limit=1000)).items} == {CUIABA}
        shown = (await events(here, EventsWanted(), limit=1000)).items
        assert [item.position for item in shown] == [w.position for w in writer.written if w.tenant == CUIABA]
        assert (await events(here, EventsWanted(municipio=SINOP), limit=1000)).items == []
        assert {item.municipio_cod_ibge for item in (await conflicts(here, ConflictsWanted())).items} == {CUIABA}
        for written in foreign:
            entity_type, _, entity_id = written.stream.partition("/")
            there = written.tenant
            assert await entity(here, entity_type, entity_id, municipio=there) is None
            assert await entity_as_of(here, entity_type, entity_id, municipio=there) is None
            assert await history(here, entity_type, entity_id, municipio=there) is None
            assert await conflict(here, conflict_id(written.tenant, written.event.writer, written.event.key)) is None
        own = await device_status(here, "device-1")
        assert own is not None
        assert own.operations == len([w for w in writer.written if w.tenant == CUIABA and w.event.writer == "device-1"])


async def test_a_reader_without_a_territory_sees_nothing_and_writes_nothing(
    writer: Writer, reader: asyncpg.Connection, projector: asyncpg.Connection
) -> None:
    await write_random_history(writer, events=60, seed=8)
    await catch_up(projector)
    tables = [f"projections.{name}" for name in ("entity", "conflict", "atividade", "evidencia", "device_status")]
    for table in [*tables, "eventstore.event", "eventstore.stream"]:
        assert await reader.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - fixed names
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names
    async with territory(reader, frozenset()) as nowhere:
        assert (await changes(nowhere)).items == []
        assert (await events(nowhere, EventsWanted())).items == []
