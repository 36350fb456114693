"""`ops/install.sh` chooses an interpreter that can serve: the quickest that it finds, or the one that it is told."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose installation ends once the environment is made: it has no locks."""
    (tmp_path / "ops").mkdir()
    for name in ("ops/install.sh", "ops/how_quick.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def _install(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "ops/install.sh")],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **variables},
    )


def _interpreter(folder: Path, name: str, milliseconds: int) -> None:
    """A program that says it is so quick, and is a Python otherwise."""
    program = folder / name
    program.write_text(
        f'#!/bin/sh\n[ "$1" = -I ] && echo {milliseconds} && exit\n'
        f'[ "$1" = --version ] && echo "Python of {milliseconds} ms" && exit\n'
        f'exec {sys.executable} "$@"\n',
        "utf-8",
    )
    program.chmod(0o755)


def test_how_quick_an_interpreter_is_is_a_number_of_milliseconds() -> None:
    outcome = subprocess.run(
        [sys.executable, "-I", str(ROOT / "ops/how_quick.py")], check=True, capture_output=True, text=True, timeout=60
    )
    assert int(outcome.stdout) > 0


def test_the_quickest_interpreter_makes_the_environment(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    _interpreter(folder, "python3", 400_000)
    _interpreter(folder, "python3.13", 300_000)
    _interpreter(folder, "python3.12", 1)
    _interpreter(folder, "python3.11", 200_000)
    outcome = _install(checkout, PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert "making .venv with Python of 1 ms" in outcome.stdout


def test_an_interpreter_that_is_asked_for_is_taken_however_slow(checkout: Path, tmp_path: Path) -> None:
    _interpreter(tmp_path, "mine", 900_000)
    outcome = _install(checkout, PYTHON=str(tmp_path / "mine"))
    assert "making .venv with Python of 900000 ms" in outcome.stdout


def test_without_a_usable_interpreter_it_says_what_to_install(checkout: Path) -> None:
    outcome = _install(checkout, PYTHON="/nonexistent/python")
    assert outcome.returncode == 1
    assert "none of these is one: /nonexistent/python" in outcome.stderr
    assert "apt-get install python3 python3-venv" in outcome.stderr
    assert not (checkout / ".venv").exists()
