"""No call reads more of a long log than its answer is made of: how PostgreSQL carries out every statement behind it."""

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from eventstore import EventFilter, PostgresEventStore
from projections.cursor import encode_cursor
from projections.queries import ConflictsWanted, Cut, EventsWanted, changes, territory
from projections.sql_statements import STATEMENTS
from techdengue.domain.access import ALL_MUNICIPIOS, Caller, Role
from techdengue.http.postgres_readers import PostgresReaders
from techdengue.intake import Intake
from techdengue.settings import Settings
from tests.intake.conftest import CUIABA, Speaker, created, sent

from .conftest import OLD, MakePool

ONE = Caller(user="ana", role=Role.VIGILANCIA, municipios=frozenset({CUIABA}))
SOME = Caller(user="ana", role=Role.VIGILANCIA, municipios=frozenset({CUIABA, "5100102", "5100201"}))
ALL = Caller(user="ana", role=Role.VIGILANCIA, municipios=ALL_MUNICIPIOS)
Call = Callable[[PostgresReaders, Caller], Awaitable[Any]]

pytestmark = pytest.mark.filterwarnings("ignore:.*active log listener")
"""The driver's word on a listener that stays until the connection goes back, as it shall."""


def _events(**filters: Any) -> Call:
    return lambda readers, caller: readers.events(caller, EventsWanted(**filters), cursor=None, limit=100)


def _events_received(since: int, until: int | None = None) -> Call:
    """Events by the age that they have when they are asked for, in minutes."""

    def ask(readers: PostgresReaders, caller: Caller) -> Awaitable[Any]:
        now = dt.datetime.now(dt.UTC)
        wanted = EventsWanted(
            since=now - dt.timedelta(minutes=since), until=None if until is None else now - dt.timedelta(minutes=until)
        )
        return readers.events(caller, wanted, cursor=None, limit=100)

    return ask


def _conflicts(**filters: Any) -> Call:
    return lambda readers, caller: readers.conflicts(caller, ConflictsWanted(**filters), cursor=None, limit=100)


async def _follow(readers: PostgresReaders, caller: Caller) -> None:
    """The whole download of evidence, of which there is none, and then a page of what changed."""
    page = await readers.changes(caller, cursor=None, limit=500, entity_type="evidencia")
    page = await readers.changes(caller, cursor=page.next_cursor, limit=500, entity_type="evidencia")
    await readers.changes(caller, cursor=page.next_cursor, limit=500, entity_type="evidencia")


CALLS: dict[str, tuple[Call, set[str]]] = {
    "the first page of a download": (
        lambda readers, caller: readers.changes(caller, cursor=None, limit=500, entity_type=None),
        {"stream_head"},
    ),
    "what changed": (_follow, set()),
    "an entity": (lambda readers, caller: readers.entity(caller, "atividade", OLD, None), {"stream_name"}),
    "an entity as of a position": (
        lambda readers, caller: readers.entity_as_of(
            caller, "atividade", OLD, None, cut=Cut(position=2), provenance=True
        ),
        {"stream_name", "event_sequence"},
    ),
    "a history": (
        lambda readers, caller: readers.history(caller, "atividade", OLD, None, cursor=None, limit=100),
        {"stream_name", "event_sequence"},
    ),
    "a device's status": (lambda readers, caller: readers.device_status(caller, "device-7"), {"device_status_pkey"}),
    "an entity's events": (_events(entity_type="atividade", entity_id=OLD), {"event_sequence"}),
    "events of a device": (_events(device_id="device-7"), {"event_key"}),
    "events of a device that there is not": (_events(device_id="nobody"), {"event_key"}),
    "events of a user that there is not": (_events(user_id="nobody"), {"event_actor"}),
    "events of an outcome that there is not": (_events(outcome="server_kept"), {"event_outcome"}),
    "events of the last minute": (_events_received(1), {"event_recorded"}),
    "events of a minute": (
        _events_received(91, until=90),
        {"event_recorded"},
    ),
    "open conflicts": (_conflicts(status="open"), set()),
    "a device's open conflicts": (_conflicts(status="open", device_id="device-7"), set()),
    "how far projections are": (lambda readers, _caller: readers.projections(), set()),
}


@pytest.mark.parametrize("caller", [ONE, SOME, ALL], ids=["one município", "some", "all"])
@pytest.mark.parametrize("name", CALLS)
async def test_a_reader_reads_no_table_whole(listening: MakePool, name: str, caller: Caller) -> None:
    call, used = CALLS[name]
    async with listening("techdengue_reader") as (pool, plans):
        await call(PostgresReaders(pool, pool, timeout=60), caller)
    assert plans.told
    assert plans.read_whole() == set()
    assert used <= plans.indexes()


@pytest.mark.parametrize("position", [10_000, 19_900], ids=["from the middle", "near the end"])
@pytest.mark.parametrize("caller", [ONE, SOME, ALL], ids=["one município", "some", "all"])
async def test_a_page_of_what_changed_probes_a_head_for_each_event(
    listening: MakePool, caller: Caller, position: int
) -> None:
    async with (
        listening("techdengue_reader") as (pool, plans),
        pool.acquire() as connection,
        territory(connection, caller.municipios) as reader,
    ):
        page = await changes(reader, cursor=encode_cursor(reader.scope("changes", None), position), limit=500)
    assert page.items
    assert plans.read_whole() == set()
    assert plans.indexes() & {"stream_head", "stream_name"}
    assert plans.indexes() & {"event_tenant", "event_position"}


async def test_a_late_page_of_a_download_reads_no_more_than_the_first(listening: MakePool) -> None:
    async with (
        listening("techdengue_reader") as (pool, _plans),
        pool.acquire() as connection,
        territory(connection, SOME.municipios),
    ):
        first, late = [await _blocks_of_a_page(connection, after) for after in ("", "atividade/f")]
    assert late <= first + 5, "an index begins at its first entry"


async def _blocks_of_a_page(connection: Any, after: str) -> int:
    told = await connection.fetchval(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {STATEMENTS['download_of_territory']}",
        CUIABA,
        after,
        10,
        "",
        sorted(SOME.municipios),
    )
    plan = msgspec.json.decode(told)[0]["Plan"]
    assert plan["Actual Rows"] == 10
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


async def test_a_group_reads_and_appends_by_indexes_alone(listening: MakePool) -> None:
    async with listening("techdengue_intake") as (pool, plans):
        intake = Intake(pool, Settings(database_url="unused"))
        await intake.start()
        device = Speaker(intake)
        await device.send(
            *(created(f"new-{number}", f"new-{number}") for number in range(50)),
            sent("update", OLD, "merged", {"descricao": "x"}, base_version=1, conflict_resolution_strategy="merge"),
        )
        await device.send(created("new-1", "new-1"), created("newer", "newer"))
        await intake.stop()
    assert plans.read_whole() == set()
    assert {"event_key", "writer_pkey", "device_pkey", "event_sequence"} <= plans.indexes()
    assert plans.indexes() & {"stream_head", "stream_name"}
    assert not plans.indexes() & {"event_tenant", "device_owner"}


async def test_heads_are_paged_in_the_order_of_their_key(listening: MakePool) -> None:
    async with (
        listening("techdengue_reader") as (pool, plans),
        pool.acquire() as connection,
        territory(connection, SOME.municipios),
    ):
        store = PostgresEventStore(connection)
        await store.page_heads((CUIABA, "atividade/8"), 100)
        await store.page_heads((CUIABA, "atividade/8"), 100, tenants=sorted(SOME.municipios))
    assert plans.read_whole() == set()
    assert plans.indexes() >= {"stream_head"}


async def test_the_newest_events_are_read_from_the_end(listening: MakePool) -> None:
    async with (
        listening("techdengue_reader") as (pool, plans),
        pool.acquire() as connection,
        territory(connection, ALL_MUNICIPIOS),
    ):
        store = PostgresEventStore(connection)
        await store.search(EventFilter(type_prefix="atividade."), None, 100, descending=True)
    assert plans.read_whole() == set()
    assert plans.indexes() & {"event_position", "event_tenant"}
