"""What each role may do with the event store: nobody changes the log, and readers keep to their tenants."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from eventstore import EventFilter, PostgresEventStore
from techdengue.dev.database import SERVER_ROLES, Database
from tests.conftest import MakeDatabase
from tests.eventstore.samples import clock, event, unit

CUIABA, VARZEA_GRANDE, SINOP = "5103403", "5108402", "5107909"
OWNER = "the owner"
REFUSED = asyncpg.InsufficientPrivilegeError

ConnectAs = Callable[[str], Awaitable[asyncpg.Connection]]


@pytest.fixture(scope="module")
async def log(make_database: MakeDatabase) -> Database:
    """A database with one event in each of three municípios."""
    database = await make_database()
    connection = await asyncpg.connect(database.server_url, server_settings={"role": "techdengue_intake"})
    store = PostgresEventStore(connection)
    await store.append(
        [unit(event("a/1", 1, tenant=t), clocks=[clock(t, None, 1)]) for t in (CUIABA, VARZEA_GRANDE, SINOP)]
    )
    await connection.close()
    return database


@pytest.fixture
async def connect_as(log: Database) -> AsyncIterator[ConnectAs]:
    """Opens a connection as a role of the server, or as the owner; in a transaction that is undone."""
    connections: list[asyncpg.Connection] = []

    async def connect(role: str) -> asyncpg.Connection:
        if role == OWNER:
            connection = await asyncpg.connect(log.owner_url)
        else:
            connection = await asyncpg.connect(log.server_url, server_settings={"role": role})
        connections.append(connection)
        await connection.execute("BEGIN")
        return connection

    yield connect
    for connection in connections:
        await connection.close()


@pytest.mark.parametrize("role", [*SERVER_ROLES, OWNER])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE eventstore.event SET payload = ''",
        "UPDATE eventstore.event SET payload = '' WHERE false",
        "DELETE FROM eventstore.event",
        "TRUNCATE eventstore.event",
        "INSERT INTO eventstore.event TABLE eventstore.event ON CONFLICT (lane, position) DO UPDATE SET payload = ''",
    ],
)
async def test_the_log_cannot_be_changed(connect_as: ConnectAs, role: str, statement: str) -> None:
    connection = await connect_as(role)
    with pytest.raises(REFUSED):
        await connection.execute(statement)


async def test_the_log_cannot_be_changed_by_a_session_that_turns_triggers_off(connect_as: ConnectAs) -> None:
    connection = await connect_as(OWNER)
    await connection.execute("SET LOCAL session_replication_role = replica")
    with pytest.raises(REFUSED, match="append-only: DELETE refused"):
        await connection.execute("DELETE FROM eventstore.event")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM eventstore.stream",
        "DELETE FROM eventstore.writer",
        "DELETE FROM eventstore.lane",
        "SELECT * FROM eventstore.checkpoint",
        "INSERT INTO eventstore.checkpoint (name, position) VALUES ('p', 1)",
        "DELETE FROM techdengue.sync_request",
        "SELECT * FROM techdengue.sync_request",
        "UPDATE techdengue.migration SET checksum = ''",
        "CREATE TABLE eventstore.mine (n integer)",
        "CREATE TABLE public.mine (n integer)",
        "ALTER TABLE eventstore.event DISABLE TRIGGER event_is_append_only",
        "ALTER TABLE eventstore.event NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenants_of_the_reader ON eventstore.event",
    ],
)
async def test_the_intake_may_append_and_nothing_else(connect_as: ConnectAs, statement: str) -> None:
    connection = await connect_as("techdengue_intake")
    with pytest.raises(REFUSED):
        await connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO eventstore.event SELECT * FROM eventstore.event",
        "INSERT INTO eventstore.stream SELECT * FROM eventstore.stream",
        "UPDATE eventstore.stream SET document = ''",
        "DELETE FROM eventstore.stream",
        "UPDATE eventstore.lane SET position = 0",
        "UPDATE eventstore.checkpoint SET position = 0",
        "SELECT * FROM eventstore.writer",
        "UPDATE techdengue.device SET owner = 'me'",
        "INSERT INTO techdengue.sync_request (device_id, user_id, received_at) VALUES ('d', 'u', now())",
    ],
)
async def test_the_reader_cannot_write(connect_as: ConnectAs, statement: str) -> None:
    connection = await connect_as("techdengue_reader")
    await connection.execute("SELECT set_config('eventstore.tenants', '*', true)")
    with pytest.raises(REFUSED):
        await connection.execute(statement)


async def test_neither_reader_nor_projector_can_append(connect_as: ConnectAs) -> None:
    for role in ("techdengue_reader", "techdengue_projector"):
        with pytest.raises(REFUSED):
            await PostgresEventStore(await connect_as(role)).append([unit(event("a/2", 1))])


@pytest.mark.parametrize(
    ("territory", "seen"),
    [
        (None, []),
        ("", []),
        (",", []),
        ("5103", []),
        ("%", []),
        (CUIABA, [CUIABA]),
        (f"{CUIABA},{SINOP}", [CUIABA, SINOP]),
        (f"{SINOP},*", [SINOP]),
        ("*", [CUIABA, SINOP, VARZEA_GRANDE]),
    ],
)
async def test_the_reader_sees_the_tenants_it_is_given(
    connect_as: ConnectAs, territory: str | None, seen: list[str]
) -> None:
    connection = await connect_as("techdengue_reader")
    if territory is not None:
        await connection.execute("SELECT set_config('eventstore.tenants', $1, true)", territory)
    store = PostgresEventStore(connection)
    everyone = [CUIABA, SINOP, VARZEA_GRANDE]
    assert sorted(e.tenant for e in await store.read_all(0, 10)) == seen
    assert sorted(e.tenant for e in await store.search(EventFilter(), None, 10)) == seen
    assert sorted(e.tenant for e in await store.search(EventFilter(stream="a/1"), None, 10)) == seen
    assert sorted(e.tenant for e in await store.read_streams([(t, "a/1", None) for t in everyone])) == seen
    assert [h.tenant for h in await store.page_heads(None, 10)] == seen
    assert [h.tenant for h in await store.page_heads(None, 10, everyone)] == seen
    assert sorted(h.tenant for h in await store.read_heads([(t, "a/1") for t in everyone])) == seen


async def test_a_territory_ends_with_its_transaction(connect_as: ConnectAs) -> None:
    connection = await connect_as("techdengue_reader")
    await connection.execute("SELECT set_config('eventstore.tenants', '*', true)")
    await connection.execute("COMMIT")
    assert await PostgresEventStore(connection).read_all(0, 10) == []


async def test_the_projector_follows_the_whole_log_with_a_checkpoint(connect_as: ConnectAs) -> None:
    store = PostgresEventStore(await connect_as("techdengue_projector"))
    assert [e.position for e in await store.read_all(0, 10)] == [1, 2, 3]
    await store.advance("p", 0, 3)
    assert await store.checkpoint("p") == 3


async def test_the_login_of_the_server_has_no_rights_of_its_own(log: Database) -> None:
    connection = await asyncpg.connect(log.server_url)
    for table in ("eventstore.event", "eventstore.stream", "techdengue.device"):
        with pytest.raises(REFUSED):
            await connection.execute(f"SELECT FROM {table}")  # names from the line above
    await connection.close()


async def test_every_table_with_a_tenant_forces_row_level_security(connect_as: ConnectAs) -> None:
    connection = await connect_as(OWNER)
    open_tables = await connection.fetch(
        """
        SELECT c.oid::regclass::text AS name
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname IN ('tenant', 'municipio_cod_ibge')
        WHERE c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
        """
    )
    assert open_tables == []
