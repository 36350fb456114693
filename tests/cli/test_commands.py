"""Every other command, really run: against one server and database that the tests of this file share."""

import asyncio
import json
import os
import pty
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import jwt
import pytest

from techdengue.cli.transport import Transport
from techdengue.client import Carrier
from techdengue.dev.database import Database

from .conftest import MakeDatabase, Run
from .running import SCRIPT, Finished, clean_environment, run, serving

OPERATIONS: list[dict[str, Any]] = [
    {
        "entity_type": "atividade",
        "entity_id": 1,
        "operation": "create",
        "data": {"tipo": "VISTORIA", "municipio_cod_ibge": "5103403"},
        "client_timestamp": "2024-01-15T14:00:00Z",
        "idempotency_key": "created",
    },
    {
        "entity_type": "atividade",
        "entity_id": 1,
        "operation": "update",
        "data": {"status": "CONCLUIDA"},
        "client_timestamp": "2024-01-15T14:30:00Z",
        "idempotency_key": "concluded",
    },
]
TRANSPORTS = [transport.value for transport in Transport]
LINES = "".join(json.dumps(operation) + "\n" for operation in OPERATIONS).encode()

Here = Callable[..., Awaitable[Finished]]


@pytest.fixture(scope="module")
async def shared_database(make_database: MakeDatabase) -> Database:
    """The database of this file."""
    return await make_database()


@pytest.fixture(scope="module")
async def here(
    shared_database: Database, local_key: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Here]:
    """Runs a command in the environment of a running server that holds atividade 1."""
    directory = tmp_path_factory.mktemp("commands")
    variables = {
        "TECHDENGUE_DATABASE_URL": shared_database.server_url,
        "TECHDENGUE_OWNER_DATABASE_URL": shared_database.owner_url,
        "TECHDENGUE_JWT_LOCAL_KEY_FILE": str(local_key),
    }
    async with serving(variables) as server:
        variables["TECHDENGUE_URL"] = server.url

        async def run_here(*arguments: str, stdin: bytes = b"", **more: str) -> Finished:
            return await run(*arguments, env=variables | more, directory=directory, stdin=stdin)

        assert (await run_here("sync", "-", "--device", "first", stdin=LINES)).code == 0
        yield run_here


async def test_migrate_lists_what_it_applied_and_then_has_nothing_to_do(techdengue: Run, postgres: Any) -> None:
    url = await _empty_database(postgres)
    env = {"TECHDENGUE_OWNER_DATABASE_URL": url}
    check = await techdengue("migrate", "--check", env=env)
    assert check.code == 1
    assert "migrations are pending" in check.err
    applied = await techdengue("migrate", env=env)
    assert (applied.code, applied.out) == (0, check.out)
    assert applied.out.splitlines()[0].startswith("eventstore/0001")
    again = await techdengue("migrate", "--json", env=env)
    assert (again.code, json.loads(again.out)) == (0, {"applied": []})
    assert (await techdengue("migrate", "--check", env=env)).code == 0


async def test_migrate_refuses_an_edited_migration_in_a_sentence(techdengue: Run, own_database: Database) -> None:
    owner = await asyncpg.connect(own_database.owner_url)
    await owner.execute("UPDATE techdengue.migration SET checksum = 'other' WHERE name LIKE 'eventstore/0001%'")
    await owner.close()
    answer = await techdengue("migrate", "--database-url", own_database.owner_url)
    assert answer.code == 1
    assert "is not the one that was applied" in answer.err
    assert "Traceback" not in answer.err


async def test_a_database_that_is_not_migrated_is_a_sentence(techdengue: Run, postgres: Any) -> None:
    answer = await techdengue("projections", "status", env={"TECHDENGUE_DATABASE_URL": await _empty_database(postgres)})
    assert answer.code == 1
    assert "Run `techdengue migrate`" in answer.err
    assert "Traceback" not in answer.err


async def test_a_token_says_who_may_what_where_and_for_how_long(techdengue: Run, local_key: Path) -> None:
    env = {"TECHDENGUE_JWT_LOCAL_KEY_FILE": str(local_key)}
    answer = await techdengue(
        "token", "--role", "gestor", "--municipio", "5103403", "--municipio", "5107602", "--lifetime", "30m", env=env
    )
    claims = jwt.decode(answer.out.strip(), options={"verify_signature": False})
    assert claims["realm_access"] == {"roles": ["GESTOR"]}
    assert claims["municipios"] == ["5103403", "5107602"]
    assert claims["exp"] - claims["iat"] == 30 * 60


async def test_a_token_for_a_municipio_that_does_not_exist_is_refused(techdengue: Run, local_key: Path) -> None:
    answer = await techdengue("token", "--municipio", "5103404", env={"TECHDENGUE_JWT_LOCAL_KEY_FILE": str(local_key)})
    assert answer.code == 2
    assert "5103404" in answer.err


async def test_sync_counts_outcomes_and_says_what_was_there_before(here: Here) -> None:
    again = await here("sync", "-", "--device", "first", "--json", stdin=LINES)
    assert again.code == 0
    report = json.loads(again.out)
    assert (report["outcomes"], report["repeated"], report["refused"]) == ({"applied": 2}, 2, [])


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_sync_over_each_transport_is_the_same_log(here: Here, transport: str) -> None:
    again = await here("sync", "-", "--device", "first", "--transport", transport, "--json", stdin=LINES)
    assert again.code == 0, again.err
    report = json.loads(again.out)
    assert (report["outcomes"], report["repeated"], report["lines"]) == ({"applied": 2}, 2, 2)


def test_the_transports_of_the_command_line_are_the_clients_carriers() -> None:
    assert [transport.value for transport in Transport] == [carrier.value for carrier in Carrier]


async def test_sync_names_the_lines_that_were_refused_and_records_the_others(here: Here) -> None:
    good = {**OPERATIONS[0], "entity_id": 2, "idempotency_key": "two"}
    bad = {**OPERATIONS[0], "entity_id": 3, "idempotency_key": "three", "data": {"tipo": "FESTA"}}
    lines = b"\n".join([b"nonsense", json.dumps(bad).encode(), json.dumps(good).encode()])
    answer = await here("sync", "-", stdin=lines)
    assert answer.code == 1
    assert "line 1: " in answer.err
    assert "line 2: invalid_data at /" in answer.err
    assert answer.out.splitlines() == ["outcome  operations", "applied  1", "refused  2"]


async def test_sync_with_a_token_that_is_not_accepted_is_exit_code_4(here: Here) -> None:
    answer = await here("sync", "-", stdin=LINES, TECHDENGUE_TOKEN="forged")
    assert answer.code == 4
    assert "does not accept the token" in answer.err
    assert "It may have expired, or be another server's: check --url." in answer.err


async def test_a_token_that_the_server_calls_expired_is_not_said_to_be_perhaps(here: Here) -> None:
    old = (await here("token", "--municipio", "5103403", "--lifetime", "0s")).out.strip()
    answer = await here("sync", "-", "--token", old, stdin=LINES)
    assert answer.code == 4
    assert "has expired" in answer.err
    assert "may have expired" not in answer.err


async def test_sync_takes_a_device_of_the_tokens_user_so_nobody_is_locked_out(here: Here) -> None:
    other = json.dumps({**OPERATIONS[0], "entity_id": "own-device", "idempotency_key": "own"}).encode()
    assert (await here("sync", "-", stdin=other)).code == 0
    token = (await here("token", "--municipio", "5103403", "--user", "ana")).out.strip()
    assert (await here("sync", "-", "--token", token, stdin=other)).code == 0


async def test_a_device_of_another_user_is_named_with_the_ways_out(here: Here) -> None:
    token = (await here("token", "--municipio", "5103403", "--user", "ana")).out.strip()
    answer = await here("sync", "-", "--token", token, "--device", "first", stdin=LINES)
    assert answer.code == 4
    assert "the device 'first' belongs to another user" in answer.err
    assert "DELETE /api/devices/first." in answer.err


async def test_projections_follow_until_told_to_stop_and_are_verified(
    here: Here, shared_database: Database, local_key: Path
) -> None:
    assert (await here("projections", "status")).out.splitlines()[0].split()[:3] == ["projection", "position", "of"]
    process = await asyncio.create_subprocess_exec(
        SCRIPT,
        "projections",
        "run",
        env=clean_environment({"TECHDENGUE_DATABASE_URL": shared_database.server_url}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        while any(s["lag_events"] for s in json.loads((await here("projections", "status", "--json")).out)):
            pass
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0
    verified = await here("projections", "verify")
    assert verified.code == 0, verified.err
    assert [line.split()[-1] for line in verified.out.splitlines()] == ["differing", *["0"] * 6]


async def test_rebuild_says_how_far_the_new_table_is(here: Here) -> None:
    answer = await here("projections", "rebuild", "entity")
    assert answer.code == 0
    assert answer.out.startswith("entity holds the log up to position ")


async def test_verify_tells_what_differs_and_rebuild_mends_it(here: Here, shared_database: Database) -> None:
    assert (await here("projections", "rebuild", "atividade")).code == 0
    owner = await asyncpg.connect(shared_database.owner_url)
    await owner.execute("DELETE FROM projections.atividade")
    await owner.close()
    answer = await here("projections", "verify", "heads", "atividade")
    assert answer.code == 1
    assert "atividade differs from the log" in answer.err
    assert (await here("projections", "rebuild", "atividade")).code == 0
    assert (await here("projections", "verify", "atividade")).code == 0


async def test_an_unknown_projection_is_answered_with_those_there_are(here: Here) -> None:
    answer = await here("projections", "rebuild", "nothing")
    assert answer.code == 2
    assert "There are entity, " in answer.err


async def test_replay_prints_the_history_and_the_state_it_leaves(here: Here) -> None:
    answer = await here("replay", "atividade", "1")
    assert answer.code == 0, answer.err
    assert '/status="CONCLUIDA"' in answer.out
    assert "atividade 1 in 5103403, version 2" in answer.out


async def test_replay_as_of_a_position_or_a_time_stops_there(here: Here) -> None:
    whole = json.loads((await here("replay", "atividade", "1", "--json")).out)
    first = whole["events"][0]
    at = await here("replay", "atividade", "1", "--as-of", str(first["position"]), "--json")
    assert [event["sequence"] for event in json.loads(at.out)["events"]] == [1]
    before = await here("replay", "atividade", "1", "--as-of", "2020-01-01T00:00:00Z")
    assert before.code == 1
    assert "there is no atividade 1 at that point" in before.err
    unknown = await here("replay", "atividade", "999999")
    assert (unknown.code, "there is no atividade 999999 in the log" in unknown.err) == (1, True)


async def test_replay_at_a_time_without_an_offset_is_wrong_usage(here: Here) -> None:
    assert (await here("replay", "atividade", "1", "--as-of", "2020-01-01T00:00:00")).code == 2


async def test_an_id_of_several_municipios_asks_for_one(here: Here) -> None:
    twins = [
        {
            **OPERATIONS[0],
            "entity_id": "twin",
            "idempotency_key": code,
            "data": {"tipo": "LIRAA", "municipio_cod_ibge": code},
        }
        for code in ("5103403", "5107602")
    ]
    lines = "".join(json.dumps(twin) + "\n" for twin in twins).encode()
    assert (await here("sync", "-", "--device", "twins", stdin=lines)).code == 0
    assert (await here("replay", "atividade", "twin")).code == 2
    named = await here("replay", "atividade", "twin", "--municipio", "5107602")
    assert (named.code, "in 5107602" in named.out) == (0, True)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_simulated_devices_push_everything_that_they_made(here: Here, transport: str) -> None:
    answer = await here(
        "simulate", "--devices", "3", "--rounds", "5", "--pause", "0", "--transport", transport, "--json"
    )
    assert answer.code == 0, answer.err
    stats = json.loads(answer.out)
    assert (stats["transport"], stats["pending"]) == (transport, 0)
    assert stats["made"] == stats["acknowledged"] + stats["refused"]
    assert 0 < stats["p50_seconds"] <= stats["p99_seconds"]


async def test_simulating_against_nobody_is_exit_code_3(here: Here) -> None:
    assert (await here("simulate", "--rounds", "1", "--url", "http://127.0.0.1:1")).code == 3


async def test_a_terminal_with_no_color_gets_no_colour(here: Here, shared_database: Database, tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        SCRIPT,
        "projections",
        "verify",
        env=clean_environment({"TECHDENGUE_DATABASE_URL": shared_database.server_url, "NO_COLOR": "1"}),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=terminal,
    )
    os.close(terminal)
    shown = await asyncio.to_thread(_read_all, controller)
    assert await process.wait() == 0
    assert b"\x1b[3" not in shown


def _read_all(controller: int) -> bytes:
    shown = b""
    try:
        while piece := os.read(controller, 4096):
            shown += piece
    except OSError:
        pass  # Linux answers EIO where the other side of a terminal has gone
    finally:
        os.close(controller)
    return shown


async def _empty_database(postgres: Any) -> str:
    """The owner's address of a database that nobody has migrated."""
    name = f"empty_{os.urandom(6).hex()}"
    admin = await asyncpg.connect(postgres.url())
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    return str(postgres.url(name))
