"""The documents keep up with the code: settings, commands, addresses, codes and links."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from techdengue.cli.app import app
from techdengue.domain.operation import ErrorCode
from techdengue.http.app import ENDPOINTS, Endpoint
from techdengue.http.problems import KINDS
from techdengue.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_READ_BY_COMMANDS = re.compile(r'"(TECHDENGUE_[A-Z0-9_]+)"')


def _commands(group: TyperGroup, before: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}"


def _anchor(heading: str) -> str:
    """The anchor that code hosts give a heading."""
    words = re.sub(r"[^\w\- ]", "", heading.lower())
    return words.strip().replace(" ", "-")


def _anchors(document: Path) -> set[str]:
    return {_anchor(heading) for heading in _HEADING.findall(_CODE.sub("", document.read_text("utf-8")))}


def _operations() -> str:
    return (ROOT / "docs/operations.md").read_text("utf-8")


def _protocol() -> str:
    return (ROOT / "docs/protocol.md").read_text("utf-8")


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`TECHDENGUE_{name.upper()}`" in _operations()


@pytest.mark.parametrize(
    ("name", "default"), list(zip(Settings.__struct_fields__[1:], Settings.__struct_defaults__, strict=True))
)
def test_every_default_is_the_documented_one(name: str, default: object) -> None:
    variable = f"`TECHDENGUE_{name.upper()}`"
    row = next(line for line in _operations().splitlines() if line.startswith("| ") and variable in line)
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    assert (f"`{shown}`" if shown else "empty") in row


def test_every_variable_of_the_commands_is_documented() -> None:
    files = (ROOT / "src/techdengue/cli").glob("*.py")
    read = {name for file in files for name in _READ_BY_COMMANDS.findall(file.read_text("utf-8"))}
    assert read
    assert [name for name in sorted(read) if f"`{name}`" not in _operations()] == []


def test_every_variable_that_a_document_names_exists() -> None:
    code = "".join(file.read_text("utf-8") for file in (ROOT / "src/techdengue/cli").glob("*.py"))
    known = {f"TECHDENGUE_{name.upper()}" for name in Settings.__struct_fields__} | set(_READ_BY_COMMANDS.findall(code))
    named = {
        name for file in DOCUMENTS for name in re.findall(r"TECHDENGUE_[A-Z0-9_]+[A-Z0-9]", file.read_text("utf-8"))
    }
    assert named - known == set()


def test_every_command_is_documented() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    commands = list(_commands(group, "techdengue"))
    assert "techdengue projections rebuild" in commands
    assert [command for command in commands if f"`{command}" not in _operations()] == []


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_address_is_documented(endpoint: Endpoint) -> None:
    path = re.sub(r"\{(\w+):str\}", r"{\1}", endpoint.path)
    rows = [line for line in _protocol().splitlines() if line.startswith("| ") and f"{path}`" in line]
    assert any(endpoint.method.value in row for row in rows), f"{endpoint.method.value} {path}"


@pytest.mark.parametrize("code", sorted({*KINDS, *(code.value for code in ErrorCode)}))
def test_every_code_is_documented_with_its_status(code: str) -> None:
    rows = [line for line in _protocol().splitlines() if line.startswith("| ") and f"`{code}`" in line]
    assert rows
    if code in KINDS:
        assert any(row.startswith(f"| {KINDS[code].status} |") for row in rows), KINDS[code].status


def test_every_metric_is_documented() -> None:
    declared = re.findall(r'"([a-z]+_[a-z_]+)",\n? *"[A-Z]', (ROOT / "src/techdengue/telemetry.py").read_text("utf-8"))
    assert len(declared) > 8
    assert [name for name in declared if f"`{name}" not in _operations()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    text = _INLINE_CODE.sub("", _CODE.sub("", document.read_text("utf-8")))
    broken = []
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = document if not target else (document.parent / target).resolve()
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(link)
    assert broken == []
