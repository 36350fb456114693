"""What the roles of the server cannot do: take their owner's rights, or read what they need not."""

import asyncpg
import pytest

from .conftest import Connect

AS_OWNER = ["begin_rebuild", "hold", "finish_rebuild"]


@pytest.mark.parametrize("function", AS_OWNER)
async def test_no_name_of_a_temporary_schema_runs_with_the_owners_rights(
    projector: asyncpg.Connection, function: str
) -> None:
    told: list[str] = []
    projector.add_log_listener(lambda _connection, message: told.append(message.message))
    await projector.execute(
        """
        CREATE FUNCTION pg_temp.note(pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS
            $$ BEGIN RAISE NOTICE 'runs as %', current_user; RETURN true; END $$;
        GRANT EXECUTE ON FUNCTION pg_temp.note TO PUBLIC;
        CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.note(value));
        CREATE DOMAIN pg_temp.regclass AS pg_catalog.regclass CHECK (pg_temp.note(value::pg_catalog.text));
        """
    )
    if function == "finish_rebuild":
        await projector.execute("SELECT projections.begin_rebuild('entity')")
    async with projector.transaction():
        await projector.execute(f"SELECT projections.{function}('entity')")
    assert [message for message in told if "runs as" in message] == []


async def test_every_function_with_its_owners_rights_names_its_whole_search_path(owner: asyncpg.Connection) -> None:
    loose = await owner.fetch(
        """
        SELECT p.oid::regprocedure::text AS name
        FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('eventstore', 'projections', 'techdengue', 'jobs') AND p.prosecdef
            AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(p.proconfig, '{}'))
        """
    )
    assert [row["name"] for row in loose] == []


async def test_a_reader_sees_whose_a_device_is_but_no_push_token(connect: Connect) -> None:
    intake, reader = await connect("techdengue_intake"), await connect("techdengue_reader")
    await intake.execute(
        "INSERT INTO techdengue.device (device_id, owner, push_kind, push_token) VALUES ('d', 'ana', 'token', 'secret')"
    )
    assert await reader.fetchval("SELECT owner FROM techdengue.device WHERE device_id = 'd'") == "ana"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.fetch("SELECT push_token FROM techdengue.device")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await intake.execute("DELETE FROM techdengue.device")
