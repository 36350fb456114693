"""What every command promises: help, exit codes, sentences instead of tracebacks, plain output."""

import gzip
import json
import sys
from importlib.metadata import version
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
    assert not loaded & {"litestar", "asyncpg", "aiohttp", "uvicorn", "rich", "projections", "eventstore", "structlog"}


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
    assert "cannot be reached before the first line: the connection failed: connection refused" in answer.err
    assert "nothing is recorded twice" in answer.err


async def test_without_variables_the_running_development_servers_are_used(techdengue: Run, tmp_path: Path) -> None:
    data = tmp_path / ".data"
    data.mkdir()
    (data / "dev.json").write_text(json.dumps({"environment": {"TECHDENGUE_OWNER_DATABASE_URL": NOWHERE}}))
    answer = await techdengue("migrate", "--check")
    assert answer.code == 3
    assert "127.0.0.1:1/nothing cannot be reached" in answer.err
    assert "no TECHDENGUE_* variable is set" not in answer.err  # it is for a person at a terminal


async def test_a_summary_of_the_commands_is_never_cut(techdengue: Run) -> None:
    answer = await techdengue("--help")
    assert "Push operations from a file." in answer.out
    assert "..." not in answer.out.partition("Commands:")[2]


async def test_the_version_is_told(techdengue: Run) -> None:
    answer = await techdengue("--version")
    assert (answer.code, answer.out) == (0, f"techdengue {version('techdengue')}\n")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("batch.json", b'{\n"operations": []\n}\n', "batch.json is not a log of operations"),
        ("array.json", b"[{}]", "jq -c '.operations[]' array.json | techdengue sync -"),
        ("old.ndjson.gz", gzip.compress(b"{}\n", mtime=0), "zcat old.ndjson.gz | techdengue sync -"),
    ],
    ids=["a request", "an array", "packed"],
)
async def test_another_kind_of_file_is_named_with_the_way_to_make_a_log_of_it(
    techdengue: Run, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    answer = await techdengue("sync", name, "--url", "http://127.0.0.1:1", "--token", "t")
    assert answer.code == 2
    assert sentence in answer.err
    assert answer.out == ""


async def test_an_empty_file_has_no_operations(techdengue: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.ndjson").touch()
    answer = await techdengue("sync", "empty.ndjson", "--url", "http://127.0.0.1:1", "--token", "t")
    assert answer.code == 0
    assert "empty.ndjson has no operations" in answer.err


async def test_a_token_without_a_key_says_where_one_is_made(techdengue: Run) -> None:
    answer = await techdengue("token", "--municipio", "5103403")
    assert answer.code == 2
    assert "there is no key to sign with" in answer.err


async def test_an_unknown_role_is_answered_with_those_there_are(techdengue: Run) -> None:
    answer = await techdengue("token", "--role", "king", "--municipio", "5103403")
    assert "'king' is not one of CAMPO, VIGILANCIA, GESTOR, ADMIN" in answer.err


async def test_an_unknown_entity_type_is_answered_with_those_there_are(techdengue: Run) -> None:
    answer = await techdengue("replay", "ativdade", "1")
    assert answer.code == 2
    assert "there is no entity type 'ativdade'; there are atividade and evidencia" in answer.err
