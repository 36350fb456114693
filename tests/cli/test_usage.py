"""What every command promises: help, exit codes, sentences instead of tracebacks, plain output."""

import json
import sys
from pathlib import Path

import pytest

from .conftest import Run
from .running import run

COMMANDS = [
    ("dev",),
    ("serve",),
    ("migrate",),
    ("token",),
    ("projections",),
    ("projections", "status"),
    ("projections", "run"),
    ("projections", "rebuild"),
    ("projections", "verify"),
    ("replay",),
    ("simulate",),
    ("sync",),
]
PRINT_LOADED = """
import sys
sys.argv = ["techdengue", "--help"]
from techdengue.cli import main
try:
    main()
except SystemExit:
    print(*{name.partition(".")[0] for name in sys.modules})
"""
NOWHERE = "postgresql://nobody:secret@127.0.0.1:1/nothing"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_every_command_explains_itself_with_an_example_and_its_exit_codes(
    techdengue: Run, command: tuple[str, ...]
) -> None:
    answer = await techdengue(*command, "--help")
    assert answer.code == 0
    assert f"techdengue {' '.join(command)}" in answer.out
    assert "Exit codes:" in answer.out
    assert "Examples:" in answer.out
    assert "\x1b" not in answer.out


async def test_help_loads_none_of_the_rooms_so_it_comes_at_once(tmp_path: Path) -> None:
    answer = await run("-c", PRINT_LOADED, env={}, directory=tmp_path, script=Path(sys.executable))
    loaded = set(answer.out.splitlines()[-1].split())
    assert "typer" in loaded
    assert not loaded & {"litestar", "asyncpg", "aiohttp", "granian", "rich", "projections", "eventstore", "structlog"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--no-such-option",),
        ("no-such-command",),
        ("serve", "--port", "70000"),
        ("token", "--role", "KING", "--municipio", "5103403"),
        ("token", "--municipio", "5103403", "--lifetime", "long"),
        ("token",),
        ("replay",),
        ("sync",),
        ("sync", "missing.ndjson", "--url", "http://127.0.0.1:1", "--token", "t"),
        ("sync", "missing.ndjson", "--url", "ftp://127.0.0.1", "--token", "t"),
        ("sync", "missing.ndjson"),
        ("serve",),
        ("migrate",),
        ("migrate", "--database-url", "postgresql://h:port/x"),
        ("projections", "status"),
        ("projections", "rebuild"),
    ],
    ids=" ".join,
)
async def test_wrong_usage_is_exit_code_2_and_never_a_traceback(techdengue: Run, arguments: tuple[str, ...]) -> None:
    answer = await techdengue(*arguments)
    assert answer.code == 2, answer.err
    assert answer.err.strip()
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("migrate",),
        ("migrate", "--check"),
        ("projections", "status"),
        ("projections", "verify"),
        ("replay", "atividade", "1"),
    ],
    ids=" ".join,
)
async def test_a_database_that_is_away_is_exit_code_3_and_its_password_is_not_shown(
    techdengue: Run, arguments: tuple[str, ...]
) -> None:
    answer = await techdengue(
        *arguments, env={"TECHDENGUE_DATABASE_URL": NOWHERE, "TECHDENGUE_OWNER_DATABASE_URL": NOWHERE}
    )
    assert answer.code == 3, answer.err
    assert "127.0.0.1:1/nothing cannot be reached" in answer.err
    assert "secret" not in answer.err
    assert "Traceback" not in answer.err


async def test_an_address_that_is_none_is_named_before_a_server_starts(techdengue: Run) -> None:
    answer = await techdengue("serve", env={"TECHDENGUE_DATABASE_URL": "mysql://user:secret@somewhere/x"})
    assert answer.code == 2
    assert "the database address somewhere/x cannot be used" in answer.err
    assert "secret" not in answer.err


async def test_an_api_that_is_away_is_exit_code_3_when_patience_ends(techdengue: Run, tmp_path: Path) -> None:
    (tmp_path / "one.ndjson").write_text("{}\n")
    answer = await techdengue("sync", "one.ndjson", "--url", "http://127.0.0.1:1", "--token", "t", "--patience", "1")
    assert answer.code == 3
    assert "cannot be reached" in answer.err
    assert "nothing is recorded twice" in answer.err


async def test_without_variables_the_running_development_servers_are_used_and_named(
    techdengue: Run, tmp_path: Path
) -> None:
    data = tmp_path / ".data"
    data.mkdir()
    (data / "dev.json").write_text(json.dumps({"environment": {"TECHDENGUE_OWNER_DATABASE_URL": NOWHERE}}))
    answer = await techdengue("migrate", "--check")
    assert answer.code == 3
    assert "using the development servers of .data/dev.json" in answer.err
